import EventLoop

/// Decides when the requests of an open-loop load are due: at a fixed rate, whether earlier ones were answered or not.
struct LoadPacer {
    /// After a pause of the lab, only as many late requests are sent as are due in this much time, but at least one.
    /// The other requests that were due during the pause count as not sent.
    static let maxBurstNs = 100 * nsPerMs

    let intervalNs: UInt64
    private(set) var nextNs: UInt64

    /// - Parameter ratePerS: requests per second, at least 1.
    init(ratePerS: Int, nowNs: UInt64) {
        precondition(ratePerS > 0, "a load has a rate")
        intervalNs = 1_000_000_000 / UInt64(ratePerS)
        nextNs = nowNs + intervalNs
    }

    /// How many requests are due now, and how many are too late to be sent.
    mutating func due(atNs nowNs: UInt64) -> (now: Int, missed: Int) {
        guard nowNs >= nextNs else { return (0, 0) }
        let count = (nowNs - nextNs) / intervalNs + 1
        nextNs += count * intervalNs
        let burst = min(count, max(1, Self.maxBurstNs / intervalNs))
        return (Int(burst), Int(count - burst))
    }
}
