/// Computes the delay before the next attempt: exponential, with jitter, bounded.
///
/// The rule is "decorrelated jitter" (Brooker, *Exponential Backoff And Jitter*, 2015): each delay is drawn evenly
/// between the base and three times the previous delay. Instances that lost the same replica at the same time spread
/// out instead of reconnecting together, and no delay is below the base.
///
/// ```swift
/// var backoff = Backoff(baseMs: 50, maxMs: 2_000)
/// let delayMs = backoff.nextMs(randomBits: generator.next())
/// // ... and when the connection is up:
/// backoff.reset()
/// ```
public struct Backoff: Sendable {
    private let baseMs: UInt64
    private let maxMs: UInt64
    /// The last delay; nil before the first and after ``reset()``.
    private var lastMs: UInt64?

    /// - Parameters:
    ///   - baseMs: the shortest delay, in milliseconds.
    ///   - maxMs: the longest delay, in milliseconds.
    /// - Precondition: `1 <= baseMs <= maxMs <= 86_400_000` (a day).
    public init(baseMs: UInt64, maxMs: UInt64) {
        precondition(baseMs >= 1 && baseMs <= maxMs && maxMs <= 86_400_000, "a backoff needs 1 <= base <= max <= a day")
        self.baseMs = baseMs
        self.maxMs = maxMs
    }

    /// The next delay, in milliseconds, in `baseMs...maxMs`. The first is at most three times the base.
    /// - Parameter randomBits: 64 fresh random bits.
    public mutating func nextMs(randomBits: UInt64) -> UInt64 {
        let ceilingMs = min(maxMs, (lastMs ?? baseMs) * 3)
        let delayMs = Jitter.pick(from: baseMs, through: ceilingMs, randomBits: randomBits)
        lastMs = delayMs
        return delayMs
    }

    /// Starts again from the base. Call it after a success.
    public mutating func reset() { lastMs = nil }
}

/// Maps random bits to a number in a range.
enum Jitter {
    /// A number evenly distributed over `low...high`. If all bits are zero it is `low`; if all are one it is `high`.
    static func pick(from low: UInt64, through high: UInt64, randomBits: UInt64) -> UInt64 {
        low + randomBits.multipliedFullWidth(by: high - low + 1).high
    }
}
