import EventLoop

/// The staleness of one replica: its answers reflect every write that any replica stored longer ago than this (rule
/// A8). It is the bound that the replica reported at the last probe, plus the time since then on this instance's clock.
/// It needs no comparison of two clocks, and no command.
struct StalenessBound: Equatable {
    private var measuredUs: Int64?
    private var askedNs: UInt64 = 0

    /// - Parameters:
    ///   - nowUs: the replica's clock when it answered.
    ///   - upToUs: by peer, the moment on that clock up to which the replica has everything of the peer; nil if
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

    /// Called when the replica has a new incarnation: the measured bound belongs to the old one.
    mutating func forget() { measuredUs = nil }

    /// The bound in milliseconds, rounded up. Nil if it is unknown, which counts as stale.
    func ms(atNs nowNs: UInt64) -> Int64? {
        guard let measuredUs else { return nil }
        precondition(nowNs >= askedNs, "a bound never falls below what was measured")
        return (measuredUs + Int64(nowNs - askedNs) / 1_000 + 999) / 1_000
    }
}
