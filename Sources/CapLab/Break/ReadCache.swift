import EventLoop

/// Answers every second read of a key from memory, if the stored answer is not older than ``keptMs``. It acts like a
/// badly designed cache in front of a linearizable store. Writes do not invalidate the cache, so a read may return a
/// value that an acknowledged write has replaced.
struct ReadCache: RequestTampering {
    /// For how long an answer is kept and may be returned again.
    static let keptMs: UInt64 = 4_000
    static let maxAnswers = 1_000
    /// The largest answer that is cached.
    static let maxAnswerBytes = 64 << 10

    private struct Entry {
        let answer: [UInt8]
        let storedNs: UInt64
        /// True if the next read is answered from the cache. The read after that is forwarded.
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

    /// Only reads that accept JSON are cached, because the cache has one answer per path, whatever its format.
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
