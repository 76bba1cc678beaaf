/// One operation on `app-ap`, as its client observed it.
struct APOperation: Codable, Equatable, Sendable {
    enum Kind: String, Codable, Sendable {
        case read, write, delete
    }

    enum Outcome: String, Codable, Sendable {
        /// A change was acknowledged, or a read was answered.
        case ok
        /// A change had no effect, or a read was not answered.
        case notApplied = "not_applied"
        case unknown
    }

    let client: Int
    /// The site whose service was asked.
    let site: Site
    let key: String
    let kind: Kind
    /// The unique value that a write stores; nil for a read or a delete.
    var value: String?
    /// True if a change had a context. A change without one replaces the values that its coordinator stores.
    var hasContext = false
    /// For a change with a context: the values in the answer from which the context came. For a read: the values that
    /// it returned.
    var shown: [String] = []
    var outcome = Outcome.unknown
    /// For an acknowledged change: how many replicas were known to have it when the service answered. Otherwise 0.
    var replicasAcked = 0
    /// For a change: the replica that coordinated it.
    var replica: String?
    /// For a read: the staleness in its answer, in milliseconds; nil if the answer does not contain it.
    var stalenessMs: Double?
    /// When the client sent the request, in monotonic nanoseconds.
    let callNs: UInt64
    /// When the client received the answer or gave up, in monotonic nanoseconds. A change with an unknown outcome may
    /// take effect later.
    var returnNs: UInt64 = .max
}

extension APOperation {
    /// Adds the answer to the operation.
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
    /// The values in an answer: all values of a conflict, or the only value, if there is one.
    var shown: [String] { siblings.isEmpty ? [self.value].compactMap(\.self) : siblings.sorted() }

    /// True if the request succeeded. A 404 also counts for a read or a delete, because the key may not exist.
    func isAnswer(to kind: APOperation.Kind) -> Bool { status == 200 || (status == 404 && kind != .write) }
}
