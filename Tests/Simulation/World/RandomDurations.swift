import EventLoop

extension SplitMix64 {
    /// A duration in nanoseconds, drawn evenly from a range of microseconds.
    public mutating func ns(us range: ClosedRange<UInt64>) -> UInt64 {
        (range.lowerBound + below(range.upperBound - range.lowerBound + 1)) * 1_000
    }

    /// A duration in nanoseconds, about exponential with the given mean: most are short, few are long, at most twenty times
    /// the mean.
    public mutating func exponentialNs(meanUs: UInt64) -> UInt64 {
        // Fair coins and a fraction give a geometric tail without floating point: the same on every machine.
        var whole: UInt64 = 0
        while whole < 20, next() & 1 == 0 { whole += 1 }
        return (whole * meanUs * 1_000 * 7) / 10 + below(meanUs * 1_000)
    }
}
