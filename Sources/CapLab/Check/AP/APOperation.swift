/// One operation on `app-ap` as its client observed it.
struct APOperation: Codable, Equatable, Sendable {
    enum Kind: String, Codable, Sendable {
        case read, write, delete
    }

    enum Outcome: String, Codable, Sendable {
        /// A change that was acknowledged, or a read that was answered.
        case ok
        case notApplied = "not_applied"
        case unknown
    }

    let client: Int
    /// The site of the service.
    let site: Site
    let key: String
    let kind: Kind
    /// Of a write: a unique value. Of a delete: nil.
    var value: String?
    /// Whether a change had a context. Without one it replaces what its coordinator holds.
    var hasContext = false
    /// Of a change with a context: the values in the answer that had this context. Of a read: the values that it returned.
    var shown: [String] = []
    var outcome = Outcome.unknown
    /// Of an acknowledged change: how many replicas had acknowledged it.
    var replicasAcked = 0
    /// The first of them.
    var replica: String?
    /// Of a read; nil if the service did not know it.
    var stalenessMs: Double?
    /// Monotonic nanoseconds.
    let callNs: UInt64
    /// Monotonic nanoseconds; meaningless for an unknown outcome.
    var returnNs: UInt64 = .max
}

/// Converts an answer of `app-ap` to the outcome of an operation.
enum APAnswer {
    /// The values in an answer: all siblings of a conflict, or the only value, if any.
    static func shown(_ answer: Answer) -> [String] {
        let siblings = answer.siblings.sorted()
        if !siblings.isEmpty { return siblings }
        return answer.value.map { [$0] } ?? []
    }

    /// Whether the request succeeded. A missing key is an answer too, except to a write.
    static func isAnswered(_ kind: APOperation.Kind, _ result: HTTPResult) -> Bool {
        guard case .answer(let answer) = result else { return false }
        return answer.status == 200 || (answer.status == 404 && kind != .write)
    }

    /// Completes the operation with its result.
    static func note(_ result: HTTPResult, in operation: inout APOperation, returnNs: UInt64) {
        operation.returnNs = returnNs
        switch result {
        case .notSent: operation.outcome = .notApplied
        case .lost: operation.outcome = operation.kind == .read ? .notApplied : .unknown
        case .answer(let answer) where operation.kind == .read:
            operation.outcome = isAnswered(.read, result) ? .ok : .notApplied
            operation.shown = shown(answer)
            operation.stalenessMs = answer.stalenessMs
        case .answer(let answer):
            operation.replicasAcked = answer.replicasAcked ?? 0
            operation.replica = answer.replica
            switch answer.outcome {
            case "applied": operation.outcome = .ok
            case "not_applied": operation.outcome = .notApplied
            case nil where (400..<500).contains(answer.status): operation.outcome = .notApplied
            default: operation.outcome = .unknown
            }
        }
    }

    /// "503 no_replica, 12 ms".
    static func text(_ result: HTTPResult) -> String {
        switch result {
        case .answer(let answer): answer.summary
        case .notSent: "connection refused"
        case .lost: "no answer"
        }
    }
}
