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
    /// Of a change with a context: the values in the answer that had this context. Of a read: the values that it
    /// returned.
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

extension APOperation {
    /// Completes the operation with its answer.
    mutating func note(_ answer: Answer, returnNs: UInt64) {
        self.returnNs = returnNs
        if kind == .read {
            outcome = answer.isAnswer(to: .read) ? .ok : .notApplied
            shown = answer.shown
            stalenessMs = answer.stalenessMs
        } else {
            outcome = answer.outcome == "applied" ? .ok : answer.isNotApplied ? .notApplied : .unknown
            replicasAcked = answer.replicasAcked ?? 0
            replica = answer.replica
        }
    }
}

extension Answer {
    /// The values in an answer: all siblings of a conflict, or the only value, if any.
    var shown: [String] { siblings.isEmpty ? [self.value].compactMap(\.self) : siblings.sorted() }

    /// Whether the request succeeded. A missing key is an answer too, except to a write.
    func isAnswer(to kind: APOperation.Kind) -> Bool { status == 200 || (status == 404 && kind != .write) }
}
