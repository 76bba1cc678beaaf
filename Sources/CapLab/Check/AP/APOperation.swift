/// One request to `app-ap` as its client saw it.
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

    var client: Int
    /// Where it was asked.
    var site: Site?
    var key: String
    var kind: Kind
    /// Of a write: what no other writes. Of a delete nothing.
    var value: String?
    /// Whether a change carried a context. One without replaces what its coordinator holds.
    var hasContext = false
    /// Of a change with a context: the values in the answer that the context came from. Of a read: those it answered with.
    var shown: [String] = []
    var outcome = Outcome.unknown
    /// Of an acknowledged change: how many replicas had it.
    var replicasAcked = 0
    /// The first of them.
    var replica: String?
    /// Of a read; nil where the service did not know.
    var stalenessMs: Double?
    /// Monotonic nanoseconds.
    var callNs: UInt64
    /// Monotonic nanoseconds; means nothing for an unknown outcome.
    var returnNs: UInt64 = .max
}
