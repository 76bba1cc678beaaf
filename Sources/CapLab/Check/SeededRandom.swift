/// The draws of a check: one seed gives the same faults and the same operations again, although not the same moments, as
/// real processes keep no time.
///
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter stream: who draws; each has numbers of its own, whatever the others do.
    init(seed: UInt64, stream: UInt64) {
        state = seed
        state = next() ^ (stream &* 0xD1B5_4A32_D192_ED03)
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// From 0 to `count` - 1.
    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(max(1, count))) }

    mutating func isTrue(percent: Int) -> Bool { below(100) < percent }

    mutating func milliseconds(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + next() % (range.upperBound - range.lowerBound + 1)
    }

    /// Short ones often, long ones seldom; at most four times the mean. Even steps of a hundredth are enough here.
    mutating func pauseNs(meanUs: UInt64) -> UInt64 {
        // The mean of the product of two even draws is a quarter of its most.
        let product = UInt64(below(101)) * UInt64(below(101))
        return meanUs * 4 * product / 10_000 * 1_000
    }
}
