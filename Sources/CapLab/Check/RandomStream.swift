import EventLoop

/// Random numbers of a check: the same seed gives the same faults and operations.
extension SplitMix64 {
    /// One of many independent streams of a seed.
    init(seed: UInt64, stream: UInt64) {
        var root = SplitMix64(seed: seed)
        self.init(seed: root.next() ^ (stream &* 0xD1B5_4A32_D192_ED03))
        _ = next()
    }

    mutating func milliseconds(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// Often short, rarely long; at most four times the mean.
    mutating func pauseNs(meanUs: UInt64) -> UInt64 {
        // The mean of the product of two uniform numbers is a quarter of its maximum.
        meanUs * 4 * below(101) * below(101) / 10_000 * 1_000
    }
}
