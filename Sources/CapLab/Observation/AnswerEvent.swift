/// One request from the page or its load generator, and the service's reply.
struct AnswerEvent: Equatable, Sendable {
    enum Origin: String, Sendable {
        case page, load
    }

    enum Operation: String, Sendable {
        case read, write, delete, cas
    }

    /// The reply of the service. If no complete answer arrived, `status` is 0, and the `outcome` of a change is
    /// `unknown`, or `not_applied` if the request was not sent.
    struct Reply: Equatable, Sendable {
        /// The HTTP status; 0 if no complete answer arrived.
        let status: Int
        let code: String?
        /// For a change: `applied`, `not_applied` or `unknown`; nil if the reply does not contain an outcome.
        let outcome: String?
        let value: String?
        /// The values of a conflict; empty if there is none.
        let conflicts: [String]
        let stalenessMs: Double?
        let isStale: Bool
        let version: String?
        let detail: String?
        /// The first 2,000 characters of the answer's body.
        let body: String
    }

    let id: Int
    /// When the request was sent, in milliseconds on the lab's clock.
    let tMs: Double
    let tookMs: Double
    let by: Origin
    let request: AskRequest
    /// The curl command that sends the same request.
    let curl: String
    let reply: Reply
}
