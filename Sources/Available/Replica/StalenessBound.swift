import EventLoop

/// How old an answer of one replica may be (DESIGN A8): what the replica said at the last poll, and the time since then by
/// our own clock. Compares no two clocks; asks nothing when it is read.
struct StalenessBound: Equatable {
    private var atPollUs: Int64?
    private var askedNs: UInt64 = 0

    /// - Parameters:
    ///   - nowUs: the replica's clock when it answered.
    ///   - heardUs: for each of its peers, the moment of that clock up to which it has everything of them; nil for unknown.
    ///   - askedNs: our clock before it was asked.
    mutating func measured(nowUs: Int64, heardUs: [Int64?], askedNs: UInt64) {
        self.askedNs = askedNs
        var oldest = nowUs
        for heard in heardUs {
            guard let heard else {
                atPollUs = nil
                return
            }
            oldest = min(oldest, heard)
        }
        atPollUs = nowUs - oldest
    }

    /// The replica is another one than the one that was measured.
    mutating func forget() { atPollUs = nil }

    /// Milliseconds, rounded up; nil where it is not known, which counts as stale.
    func ms(atNs nowNs: UInt64) -> Int64? {
        guard let atPollUs else { return nil }
        return (atPollUs + Int64(nowNs &- askedNs) / 1_000 + 999) / 1_000
    }
}
