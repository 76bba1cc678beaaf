/// The project's pseudo-random generator: SplitMix64 (Steele, Lea, Flood, *Fast Splittable Pseudorandom Number
/// Generators*, OOPSLA 2014). Good for jitter, for simulations and for names that must differ, not for secrets.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The same seed gives the same numbers.
    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A random number from 0 to `bound` - 1; 0 if `bound` is 0. The bias of the remainder is negligible for small
    /// bounds.
    public mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }

    /// A random index of a collection of `count` elements.
    public mutating func index(_ count: Int) -> Int { Int(below(UInt64(count))) }

    public mutating func isTrue(percent: UInt64) -> Bool { below(100) < percent }
}
