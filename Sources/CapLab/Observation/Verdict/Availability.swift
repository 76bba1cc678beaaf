/// The share of requests of the last seconds that were answered, by service.
struct Availability {
    private struct Second {
        var number: Int64 = -1
        var requests = 0
        var answered = 0
    }

    static let seconds = 10

    /// A ring by service.
    private var rings: [String: [Second]] = [:]

    mutating func note(_ answer: AnswerEvent) {
        // By the time at which the client had its answer, or gave up.
        let second = Int64((answer.tMs + answer.tookMs) / 1_000)
        let place = Int(second % Int64(Self.seconds))
        var ring = rings[answer.service] ?? Array(repeating: Second(), count: Self.seconds)
        if ring[place].number != second { ring[place] = Second(number: second) }
        ring[place].requests += 1
        if Self.isAnswered(answer) { ring[place].answered += 1 }
        rings[answer.service] = ring
    }

    /// A missing key and an unmet condition are answers; a refusal and an overload are none.
    static func isAnswered(_ answer: AnswerEvent) -> Bool {
        (200..<500).contains(answer.status) && answer.status != 429
    }

    /// Nil if there was no request.
    func share(of service: String, atMs timeMs: Double) -> Double? {
        let now = Int64(timeMs / 1_000)
        let recent = (rings[service] ?? []).filter { $0.number >= 0 && $0.number > now - Int64(Self.seconds) }
        let requests = recent.reduce(0) { $0 + $1.requests }
        return requests == 0 ? nil : Double(recent.reduce(0) { $0 + $1.answered }) / Double(requests)
    }
}
