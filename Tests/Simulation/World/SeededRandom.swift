/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the only source of chance in a simulated world.
public struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Below `bound`; the bias of the remainder does not matter here.
    public mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }
    public mutating func index(_ count: Int) -> Int { Int(below(UInt64(count))) }
    public mutating func isTrue(percent: UInt64) -> Bool { below(100) < percent }

    /// Nanoseconds between two times in microseconds.
    public mutating func ns(us range: ClosedRange<UInt64>) -> UInt64 {
        (range.lowerBound + below(range.upperBound - range.lowerBound + 1)) * 1_000
    }

    /// Most are short, few are long: exponential with the given mean, in nanoseconds, at most twenty times the mean.
    public mutating func exponentialNs(meanUs: UInt64) -> UInt64 {
        // Sixteen fair coins and a fraction give a geometric tail without floating point, the same on every machine.
        var whole: UInt64 = 0
        while whole < 20, next() & 1 == 0 { whole += 1 }
        return (whole * meanUs * 1_000 * 7) / 10 + below(meanUs * 1_000)
    }
}
