/// The share of requests that each service answered in the last ``seconds``, or since the last change of the faults if
/// that was later.
///
/// Requests that were in flight at a change do not count: they ran partly under the earlier faults.
struct Availability {
    private struct Second {
        var number: Int64 = -1
        var requests = 0
        var answered = 0
    }

    static let seconds = 10

    /// Per service, a ring buffer with the counts of each second.
    private var rings: [String: [Second]] = [:]

    /// When the faults last changed, in milliseconds on the lab's clock.
    private var changedMs = -Double.infinity

    /// Called when a fault begins, ends or changes.
    mutating func faultsChanged(atMs timeMs: Double) {
        changedMs = timeMs
        rings = [:]
    }

    /// When the faults last changed; nil if that is longer ago than the window.
    func changedMs(atMs timeMs: Double) -> Double? {
        timeMs - changedMs < Double(Self.seconds) * 1_000 ? changedMs : nil
    }

    mutating func note(_ answer: AnswerEvent) {
        guard answer.tMs >= changedMs else { return }
        // A request counts in the second in which its client received the answer or gave up.
        let second = Int64((answer.tMs + answer.tookMs) / 1_000)
        let place = Int(second % Int64(Self.seconds))
        var ring = rings[answer.request.service] ?? Array(repeating: Second(), count: Self.seconds)
        if ring[place].number != second { ring[place] = Second(number: second) }
        ring[place].requests += 1
        if Self.isAnswered(answer.reply) { ring[place].answered += 1 }
        rings[answer.request.service] = ring
    }

    /// True if the service answered. A missing key (404) and a failed precondition (412) are answers. A refusal (503)
    /// and an overload (429) are not.
    static func isAnswered(_ reply: AnswerEvent.Reply) -> Bool {
        (200..<500).contains(reply.status) && reply.status != 429
    }

    /// The share of answered requests; nil if there was no recent request.
    func share(of service: String, atMs timeMs: Double) -> Double? {
        let now = Int64(timeMs / 1_000)
        let recent = (rings[service] ?? []).filter { $0.number >= 0 && $0.number > now - Int64(Self.seconds) }
        let requests = recent.reduce(0) { $0 + $1.requests }
        return requests == 0 ? nil : Double(recent.reduce(0) { $0 + $1.answered }) / Double(requests)
    }
}
