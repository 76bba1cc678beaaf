import EventLoop
import HeapModule

/// Virtual time, and the order of all events. One thread runs all simulated processes, replicas and networks. The same
/// seed gives exactly the same history.
///
/// Events happen in the order of their times. Events of the same time happen in the order in which they were scheduled.
/// After each event, all tasks that it resumed run until they suspend or end.
final class World: TaskExecutor, @unchecked Sendable {
    // Safe because only one thread uses a world and everything in it: the thread that calls `run`. Tasks run on it
    // because of their executor preference.

    /// Virtual time: nanoseconds since the world began.
    private(set) var nowNs: UInt64 = 1_000 * nsPerMs
    var random: SplitMix64

    private var jobs: [UnownedJob] = []
    private var events = Heap<Event>()
    private var plannedCount: UInt64 = 0
    private var turnEnds: [() -> Void] = []

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    /// Schedules `body` for a time, or for the current time if that time has passed.
    func at(_ timeNs: UInt64, _ body: @escaping () -> Void) {
        plannedCount += 1
        events.insert(Event(timeNs: max(timeNs, nowNs), number: plannedCount, body: body))
    }

    func after(_ delayNs: UInt64, _ body: @escaping () -> Void) { at(nowNs + delayNs, body) }

    /// Runs `body` once, after all tasks that the current event resumed have suspended or ended.
    func atEndOfTurn(_ body: @escaping () -> Void) { turnEnds.append(body) }

    /// Starts a task at once, and runs it up to its first suspension.
    func spawn(_ body: @escaping () async -> Void) {
        let confined = Confined(body: body)
        Task.immediate(executorPreference: self) { await confined.body() }
    }

    private struct Event: Comparable {
        let timeNs: UInt64
        /// A number that rises with each scheduled event. It keeps events of the same time in order.
        let number: UInt64
        let body: () -> Void

        static func == (left: Event, right: Event) -> Bool { left.number == right.number }
        static func < (left: Event, right: Event) -> Bool {
            (left.timeNs, left.number) < (right.timeNs, right.number)
        }
    }

    private struct Confined: @unchecked Sendable {
        // Safe because the world runs it, on its single thread.
        let body: () async -> Void
    }

    /// Runs until `isDone` returns true, no event is scheduled, or virtual time reaches `limitNs`.
    ///
    /// - Returns: the number of events.
    @discardableResult
    func run(limitNs: UInt64, until isDone: () -> Bool) -> Int {
        var count = 0
        endTurn()
        while !isDone(), let event = events.min, event.timeNs < limitNs {
            events.removeMin()
            precondition(event.timeNs >= nowNs, "an event of the past")
            nowNs = event.timeNs
            event.body()
            endTurn()
            count += 1
        }
        return count
    }

    private func endTurn() {
        let executor = asUnownedTaskExecutor()
        repeat {
            while !jobs.isEmpty {
                let ready = jobs
                jobs.removeAll(keepingCapacity: true)
                for job in ready { job.runSynchronously(on: executor) }
            }
            let bodies = turnEnds
            turnEnds.removeAll()
            for body in bodies { body() }
        } while !jobs.isEmpty || !turnEnds.isEmpty
    }
}

extension World {
    /// Suspends the calling task for a duration of virtual time.
    func sleep(_ durationNs: UInt64) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            after(durationNs) { continuation.resume() }
        }
    }
}

extension SplitMix64 {
    /// A random duration in nanoseconds, evenly distributed over a range that is given in microseconds.
    mutating func ns(us range: ClosedRange<UInt64>) -> UInt64 {
        (range.lowerBound + below(range.upperBound - range.lowerBound + 1)) * 1_000
    }

    /// A random duration in nanoseconds, with an approximately exponential distribution. Most durations are short, and
    /// none is longer than 15 times `meanUs`. The actual mean is 1.2 times `meanUs`.
    mutating func exponentialNs(meanUs: UInt64) -> UInt64 {
        // Fair coins and a fraction give such a distribution without floating point, so that it is the same on every
        // machine.
        var whole: UInt64 = 0
        while whole < 20, next() & 1 == 0 { whole += 1 }
        return (whole * meanUs * 1_000 * 7) / 10 + below(meanUs * 1_000)
    }
}
