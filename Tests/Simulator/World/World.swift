import EventLoop
import HeapModule

/// Virtual time and the order of all events: one thread runs all simulated processes, replicas and networks, and the
/// same seed gives exactly the same history.
///
/// Events happen in the order of their time, and events of the same time in the order of planning. After each event,
/// all tasks that it woke run until they suspend.
final class World: TaskExecutor, @unchecked Sendable {
    // Safe because a world and everything in it is used by one thread only: the one that calls `run`. Tasks run there
    // because of their executor preference.

    /// Nanoseconds since the world began.
    private(set) var nowNs: UInt64 = 1_000 * nsPerMs
    var random: SplitMix64

    private var jobs: [UnownedJob] = []
    private var events = Heap<Event>()
    private var plannedCount: UInt64 = 0
    private var turnEnds: [() -> Void] = []

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    /// Plans `body` for a time, not before now.
    func at(_ timeNs: UInt64, _ body: @escaping () -> Void) {
        plannedCount += 1
        events.insert(Event(timeNs: max(timeNs, nowNs), number: plannedCount, body: body))
    }

    func after(_ delayNs: UInt64, _ body: @escaping () -> Void) { at(nowNs + delayNs, body) }

    /// Runs `body` once, when all tasks that this event woke have run.
    func atEndOfTurn(_ body: @escaping () -> Void) { turnEnds.append(body) }

    /// Starts a task at once, up to its first suspension.
    func spawn(_ body: @escaping () async -> Void) {
        let confined = Confined(body: body)
        Task.immediate(executorPreference: self) { await confined.body() }
    }

    private struct Event: Comparable {
        let timeNs: UInt64
        /// Rises with each plan.
        let number: UInt64
        let body: () -> Void

        static func == (left: Event, right: Event) -> Bool { left.number == right.number }
        static func < (left: Event, right: Event) -> Bool {
            (left.timeNs, left.number) < (right.timeNs, right.number)
        }
    }

    private struct Confined: @unchecked Sendable {
        // Safe for the same reason as the world itself.
        let body: () async -> Void
    }

    /// Runs until `isDone`, or no event is planned, or virtual time reaches `limitNs`.
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
    /// Suspends the calling task for a while of virtual time.
    func sleep(_ durationNs: UInt64) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            after(durationNs) { continuation.resume() }
        }
    }
}

extension SplitMix64 {
    /// A duration in nanoseconds, drawn evenly from a range of microseconds.
    mutating func ns(us range: ClosedRange<UInt64>) -> UInt64 {
        (range.lowerBound + below(range.upperBound - range.lowerBound + 1)) * 1_000
    }

    /// A duration in nanoseconds, about exponential with the given mean: most are short, few are long, at most twenty
    /// times the mean.
    mutating func exponentialNs(meanUs: UInt64) -> UInt64 {
        // Fair coins and a fraction give a geometric tail without floating point: the same on every machine.
        var whole: UInt64 = 0
        while whole < 20, next() & 1 == 0 { whole += 1 }
        return (whole * meanUs * 1_000 * 7) / 10 + below(meanUs * 1_000)
    }
}
