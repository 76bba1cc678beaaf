/// A token bucket: allows a mean rate per second, and after a pause a burst of at most one second's tokens.
///
/// Described by Turner, *New directions in communications*, 1986 (there "leaky bucket as a meter"). The caller passes
/// the time, so that tests need no clock.
public struct RateLimiter: Sendable {
    /// The mean rate, in tokens per second. A full bucket holds that many tokens, or a few more, because the cost of a
    /// token is rounded down.
    public let ratePerS: UInt64
    /// The saved tokens, as a time: one token costs `1e9 / ratePerS` nanoseconds, rounded down. So integers suffice,
    /// and the allowed rate is never below `ratePerS`.
    private var savedNs: UInt64
    private var lastNs: UInt64?

    private static let secondNs: UInt64 = 1_000_000_000

    /// Creates a full bucket.
    /// - Precondition: `ratePerS` is in `1...1_000_000_000`.
    public init(ratePerS: UInt64) {
        precondition((1...Self.secondNs).contains(ratePerS), "a rate is 1 to 1,000,000,000 per second")
        self.ratePerS = ratePerS
        savedNs = Self.secondNs
    }

    /// Takes a token. Returns false if none is left.
    /// - Parameter nowNs: the monotonic time. A time before the last one counts as the last one.
    public mutating func take(atNs nowNs: UInt64) -> Bool {
        let lastNs = lastNs ?? nowNs
        let passedNs = nowNs > lastNs ? min(nowNs - lastNs, Self.secondNs) : 0
        self.lastNs = max(lastNs, nowNs)
        savedNs = min(savedNs + passedNs, Self.secondNs)
        let costNs = Self.secondNs / ratePerS
        guard savedNs >= costNs else { return false }
        savedNs -= costNs
        return true
    }
}
