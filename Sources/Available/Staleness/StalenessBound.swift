import EventLoop

/// Upper bound of the age of an answer of one replica (rule A8). It is what the replica reported at the last probe,
/// plus the time since then. That time is by this instance's own clock. Compares no two clocks and sends no command.
struct StalenessBound: Equatable {
    private var measuredUs: Int64?
    private var askedNs: UInt64 = 0

    /// - Parameters:
    ///   - nowUs: the replica's clock when it answered.
    ///   - upToUs: by peer, the moment of that clock up to which the replica has everything of the peer; nil if
    ///     unknown.
    ///   - askedNs: this instance's clock before the replica was asked.
    mutating func measured(nowUs: Int64, upToUs: [Int64?], askedNs: UInt64) {
        self.askedNs = askedNs
        var oldest = nowUs
        for moment in upToUs {
            guard let moment else {
                measuredUs = nil
                return
            }
            oldest = min(oldest, moment)
        }
        measuredUs = nowUs - oldest
    }

    /// The replica has another incarnation than the one that was measured.
    mutating func forget() { measuredUs = nil }

    /// Milliseconds, rounded up; nil if unknown, which counts as stale.
    func ms(atNs nowNs: UInt64) -> Int64? {
        guard let measuredUs else { return nil }
        precondition(nowNs >= askedNs, "a bound never falls below what was measured")
        return (measuredUs + Int64(nowNs - askedNs) / 1_000 + 999) / 1_000
    }
}
