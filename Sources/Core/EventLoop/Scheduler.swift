/// Time, randomness and tasks, as the engines see them.
///
/// ``Reactor`` is the production implementation; the simulation has one on virtual time. All tasks and timers of a
/// scheduler run on the one thread that owns it, so that code built on it needs no locks.
public protocol Scheduler: AnyObject {
    /// Monotonic time in nanoseconds, read once per loop turn. Unrelated to the time of day.
    var nowNs: UInt64 { get }

    /// Milliseconds since 1970 by this machine's clock. May jump; use it only for times of day (TTL, logs).
    var wallClockMs: Int64 { get }

    /// Calls `timer.expire()` at `deadlineNs` or soon after, never earlier, unless the timer has settled by then.
    func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64)

    /// Runs `body` once, when all tasks of the present turn have run and before what they wrote is sent. Tasks that it
    /// wakes run in the same turn. For work that is collected during a turn and done together.
    func atEndOfTurn(_ body: @escaping () -> Void)

    /// Starts `body` at once, on this thread, up to its first suspension; the rest of it stays on this thread.
    func spawn(_ body: @escaping () async -> Void)

    /// 64 random bits.
    func randomBits() -> UInt64
}

/// Something with a deadline.
public protocol Expirable: AnyObject {
    /// True once the deadline no longer matters: the timer is then dropped without a call.
    var isSettled: Bool { get }

    /// The deadline has passed and the timer had not settled.
    func expire()
}

extension Scheduler {
    /// Suspends the caller for at least `durationNs` nanoseconds. Not cancellable: all sleeps are short.
    public func sleep(forNs durationNs: UInt64) async {
        let sleeper = Sleeper()
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            sleeper.continuation = continuation
            schedule(sleeper, atNs: nowNs &+ durationNs)
        }
    }

    /// A number drawn evenly from `range`, for jitter and backoff.
    public func random(in range: ClosedRange<UInt64>) -> UInt64 {
        let width = range.upperBound - range.lowerBound
        guard width < UInt64.max else { return randomBits() }
        return range.lowerBound + randomBits() % (width + 1)
    }
}

private final class Sleeper: Expirable {
    var continuation: UnsafeContinuation<Void, Never>?
    var isSettled: Bool { continuation == nil }
    func expire() {
        continuation.take()?.resume()
    }
}

/// Nanoseconds in a millisecond; deadlines are kept in nanoseconds, settings and metrics name their own unit.
public let nsPerMs: UInt64 = 1_000_000
