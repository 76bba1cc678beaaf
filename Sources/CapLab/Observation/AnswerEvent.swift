/// One request of the page or its load, and the answer of the service.
struct AnswerEvent: Equatable, Sendable {
    enum Origin: String, Sendable {
        case page, load
    }

    enum Operation: String, Sendable {
        case read, write, delete, cas
    }

    let id: Int
    /// When the request was sent, in milliseconds on the lab's clock.
    let tMs: Double
    let tookMs: Double
    let by: Origin
    let service: String
    let op: Operation
    let key: String
    /// The value that a write or compare-and-set stores.
    var sent: String?
    /// True for a write whose value expires.
    var expires = false
    /// The HTTP status; 0 if no complete answer arrived.
    let status: Int
    var code: String?
    /// For a change: `applied`, `not_applied` or `unknown`; nil if the answer does not state it.
    var outcome: String?
    var value: String?
    /// The values of a conflict; empty if there is none.
    var conflicts: [String] = []
    var stalenessMs: Double?
    var stale = false
    var version: String?
    var detail: String?
    var curl = ""
    /// The first 2,000 characters of the answer's body.
    var body = ""
}
