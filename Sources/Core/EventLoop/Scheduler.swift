/// Provides time, random numbers and tasks to the engines.
///
/// ``Reactor`` is the production implementation. The simulation has another one, with virtual time. All tasks and
/// timers of a scheduler run on the one thread that owns it, so code that uses it needs no locks.
public protocol Scheduler: AnyObject {
    /// Monotonic time in nanoseconds, as of the last poll for events: constant while tasks run. Unrelated to the time
    /// of day.
    var nowNs: UInt64 { get }

    /// Milliseconds since 1970 by this machine's clock. May jump; use it only for times of day (TTL, logs).
    var wallClockMs: Int64 { get }

    /// Calls `timer.expire()` at `deadlineNs` or soon after, never earlier, unless the timer has settled by then.
    func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64)

    /// Runs `body` once, after all tasks of the current loop turn and before their output is sent. Tasks that it wakes
    /// run in the same turn. Use it to collect work during a turn and do it together.
    func atEndOfTurn(_ body: @escaping () -> Void)

    /// Runs `body` at once on this thread, up to its first suspension. Later it resumes on this thread.
    func spawn(_ body: @escaping () async -> Void)

    /// 64 random bits.
    func randomBits() -> UInt64
}

/// An object with a deadline, such as a request that waits for a reply.
public protocol Expirable: AnyObject {
    /// True once the deadline no longer matters: the timer is then dropped without a call.
    var isSettled: Bool { get }

    /// Called when the deadline has passed, if the timer has not settled.
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

    /// A random number, almost evenly distributed over `range`, for jitter and backoff.
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

/// Nanoseconds per millisecond. Deadlines are in nanoseconds; settings and metrics have their unit in the name.
public let nsPerMs: UInt64 = 1_000_000
