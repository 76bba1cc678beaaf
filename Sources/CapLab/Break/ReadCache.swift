import EventLoop

/// Answers every second read of a key from memory, as a cache in front of a linearizable store does.
///
/// No write invalidates it. So a read may return a value that an acknowledged write has replaced.
struct ReadCache: RequestTampering {
    /// How long an answer is returned again.
    static let keptMs: UInt64 = 4_000
    static let maxAnswers = 1_000
    /// Larger answers are not kept.
    static let maxAnswerBytes = 64 << 10

    private struct Entry {
        let answer: [UInt8]
        let storedNs: UInt64
        /// The next read is answered from here; the one after it is forwarded.
        var isNext = true
    }

    private var entries: [String: Entry] = [:]

    mutating func answer(to request: MessageHead, nowNs: UInt64) -> [UInt8]? {
        guard wantsAnswer(to: request), let entry = entries[request.target] else { return nil }
        guard nowNs < entry.storedNs + Self.keptMs * nsPerMs else {
            entries[request.target] = nil
            return nil
        }
        entries[request.target]?.isNext.toggle()
        return entry.isNext ? entry.answer : nil
    }

    /// Only reads in the usual format: the cache has one answer for each address.
    func wantsAnswer(to request: MessageHead) -> Bool {
        request.method == "GET" && request.target.hasPrefix("/read/")
            && request.headers["accept"].map { $0.contains("*/*") || $0.contains("json") } ?? true
    }

    mutating func note(_ answer: [UInt8], to request: MessageHead, nowNs: UInt64) {
        guard entries[request.target] == nil, answer.count <= Self.maxAnswerBytes else { return }
        if entries.count >= Self.maxAnswers { entries = [:] }
        entries[request.target] = Entry(answer: answer, storedNs: nowNs)
    }
}
