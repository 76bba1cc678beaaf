/// One request of the page or its load, with the answer of the service.
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
    /// The value of a write or compare-and-set.
    var sent: String?
    /// A write whose value expires.
    var expires = false
    /// The HTTP status; 0 if no complete answer came.
    let status: Int
    var code: String?
    /// Of a change: `applied`, `not_applied` or `unknown`; nil if the service did not say.
    var outcome: String?
    var value: String?
    /// The values of all siblings; empty without a conflict.
    var conflicts: [String] = []
    var stalenessMs: Double?
    var stale = false
    var version: String?
    var detail: String?
    var curl = ""
    /// The first 2,000 characters of the answer.
    var body = ""
}
