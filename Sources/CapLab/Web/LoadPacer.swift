import EventLoop

/// When the requests of an open-loop load are due: at a fixed rate, whatever became of earlier ones.
struct LoadPacer {
    /// A pause of the lab longer than this is not caught up: what was due meanwhile counts as not sent.
    static let maxBurstNs = 100 * nsPerMs

    let intervalNs: UInt64
    private(set) var nextNs: UInt64

    /// - Parameter ratePerS: at least 1.
    init(ratePerS: Int, nowNs: UInt64) {
        precondition(ratePerS > 0, "a load has a rate")
        intervalNs = 1_000_000_000 / UInt64(ratePerS)
        nextNs = nowNs + intervalNs
    }

    /// The requests that are due, and those that are too late.
    mutating func due(atNs nowNs: UInt64) -> (now: Int, missed: Int) {
        guard nowNs >= nextNs else { return (0, 0) }
        let count = (nowNs - nextNs) / intervalNs + 1
        nextNs += count * intervalNs
        let burst = min(count, max(1, Self.maxBurstNs / intervalNs))
        return (Int(burst), Int(count - burst))
    }
}
