@testable import CapLab

extension AnswerEvent {
    /// An answer with only the parts that a test is about.
    /// - Parameter number: the id.
    static func fixture(
        _ number: Int, _ op: Operation, service: String = "app_cp", key: String = "k", sent: String? = nil,
        by origin: Origin = .page, atMs sentMs: Double, tookMs: Double = 2, reply: Reply
    ) -> AnswerEvent {
        AnswerEvent(
            id: number, tMs: sentMs, tookMs: tookMs, by: origin,
            request: AskRequest(service: service, op: op, key: key, value: sent), curl: "", reply: reply)
    }
}

extension AnswerEvent.Reply {
    static func fixture(
        status: Int = 200, outcome: String? = nil, value: String? = nil, version: Int? = nil,
        stalenessMs: Double? = nil, isStale: Bool = false
    ) -> AnswerEvent.Reply {
        AnswerEvent.Reply(
            status: status, code: nil, outcome: outcome, value: value, conflicts: [], stalenessMs: stalenessMs,
            isStale: isStale, version: version.map { "\($0)" }, detail: nil, body: "")
    }
}
