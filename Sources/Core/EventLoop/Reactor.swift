import Glibc
import Synchronization

/// An object that a reactor calls in every turn of its loop, whether or not a descriptor has an event.
public protocol TurnParticipant: AnyObject {
    /// The longest that the loop may sleep before this participant's next turn, in milliseconds; nil for no limit.
    func waitLimitMs() -> Int32?
    /// Runs after each poll for events, once the tasks that the events woke have run. A turn polls once, or twice if
    /// timers are due.
    func turn()
    /// Runs at the end of each turn, after all tasks. This is the place to flush what the tasks wrote.
    func endTurn()
}

/// The event loop that runs HTTP, Redis and all request code: one thread, one epoll, no locks.
///
/// The reactor is the executor of every task started with ``spawn(_:)``. Async functions resume on its thread, and the
/// objects that they share need no synchronisation. Of its own methods, only ``submit(_:)``, ``stop()`` and ``join()``
/// may be called from other threads.
public final class Reactor: SerialExecutor, TaskExecutor, Scheduler, @unchecked Sendable {
    // Safe because all mutable state below is used by the reactor's own thread only, which `preconditionOnThread`
    // checks at most entry points. The exceptions are `turnNs`, `inbox`, `stopping` and `thread`, which are
    // synchronised.

    public let name: String
    public var nowNs: UInt64 { turnNs.load(ordering: .relaxed) }

    /// The time of the last poll for events. It is atomic only to make reads cheap: Swift checks each access to a
    /// variable of a class for exclusivity, unless it is atomic, and every command reads this variable several times.
    private let turnNs = Atomic<UInt64>(monotonicNs())
    private let epoll: Epoll
    private let stopping = Atomic<Bool>(false)
    private let inbox = Mutex<[UnownedJob]>([])

    /// Steps of tasks that are ready to run. The two arrays are swapped, so that their memory is reused.
    private struct Jobs {
        var waiting: [UnownedJob] = []
        var running: [UnownedJob] = []

        /// Moves the waiting jobs to `running`. Further jobs that these wake wait for the next round.
        mutating func begin() { swap(&waiting, &running) }
    }

    /// The thread of the loop; 0 before the start. Both the starting thread and the loop write it, so that each finds
    /// it whichever is first, and all threads compare it with themselves.
    private let thread = Atomic<pthread_t>(0)
    private var jobs = Jobs()
    private var timers = TimerQueue()
    private var turnEnds: [() -> Void] = []
    private var participants: [any TurnParticipant] = []
    /// The source of random numbers, seeded by the kernel.
    private var random: SplitMix64

    /// The longest time that the loop sleeps if it has nothing to do.
    private static let idleWaitMs: Int32 = 1_000
    /// The most rounds of newly woken tasks before the loop polls descriptors again, so that tasks cannot starve I/O.
    private static let maxJobRounds = 64

    /// - Throws: ``ReactorError`` if the kernel cannot create a descriptor.
    public init(name: String) throws {
        self.name = name
        epoll = try Epoll()
        var kernel = SystemRandomNumberGenerator()
        random = SplitMix64(seed: kernel.next())
    }

    // MARK: Starting and stopping

    /// Starts the loop on its own thread.
    public func start() {
        precondition(thread.load(ordering: .relaxed) == 0, "a reactor starts once")
        var started: pthread_t = 0
        pthread_create(
            &started, nil,
            { pointer in
                Unmanaged<Reactor>.fromOpaque(pointer!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        thread.store(started, ordering: .relaxed)
    }

    /// Ends the loop after its current turn. May be called from any thread.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        epoll.wake()
    }

    /// Waits until the loop's thread has ended. May be called from any other thread.
    public func join() {
        pthread_join(thread.load(ordering: .relaxed), nil)
    }

    /// Runs `body` on the reactor's thread, soon. May be called from any thread.
    public func submit(_ body: @escaping @Sendable () -> Void) {
        Task(executorPreference: self) { body() }
    }

    // MARK: Executor

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        if isOnThread {
            jobs.waiting.append(unowned)
        } else {
            inbox.withLock { $0.append(unowned) }
            epoll.wake()
        }
    }

    public func checkIsolated() { preconditionOnThread() }

    public var isOnThread: Bool { pthread_equal(pthread_self(), thread.load(ordering: .relaxed)) != 0 }

    func preconditionOnThread() {
        precondition(isOnThread, "\(name): used from another thread than its own")
    }

    // MARK: Scheduler

    public var wallClockMs: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    public func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        preconditionOnThread()
        timers.add(timer, atNs: deadlineNs)
    }

    public func atEndOfTurn(_ body: @escaping () -> Void) {
        preconditionOnThread()
        turnEnds.append(body)
    }

    public func spawn(_ body: @escaping () async -> Void) {
        preconditionOnThread()
        let confined = ThreadConfined(body)
        Task.immediate(executorPreference: self) { await confined.value() }
    }

    public func randomBits() -> UInt64 { random.next() }

    // MARK: Descriptors and participants

    public func add(_ participant: any TurnParticipant) {
        preconditionOnThread()
        participants.append(participant)
    }

    /// Watches `descriptor` for `events`; a second call for the same descriptor changes the events.
    public func watch(_ descriptor: Int32, events: UInt32, handler: any DescriptorHandler) {
        preconditionOnThread()
        epoll.watch(descriptor, events: events, handler: handler)
    }

    /// Stops watching `descriptor`. Call it before closing the descriptor.
    public func unwatch(_ descriptor: Int32) {
        preconditionOnThread()
        epoll.unwatch(descriptor)
    }

    // MARK: The loop

    private func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        while !stopping.load(ordering: .acquiring) {
            pollEvents(waitMs: waitMs())
            if let deadlineNs = timers.nextDeadlineNs(), deadlineNs <= nowNs {
                // The process may have been suspended. Read the replies that arrived meanwhile before timers expire.
                // Otherwise replicas that replied in time would count as failed.
                let dueNs = nowNs
                pollEvents(waitMs: 0)
                while let timer = timers.popDue(nowNs: dueNs) { timer.expire() }
                runJobs()
            }
            endTurn()
        }
    }

    /// Waits for events, and runs the tasks that they wake.
    private func pollEvents(waitMs: Int32) {
        let count = epoll.wait(ms: waitMs)
        let timeNs = monotonicNs()
        precondition(timeNs >= nowNs, "the monotonic clock went back")
        turnNs.store(timeNs, ordering: .relaxed)
        epoll.dispatch(count, onWakeup: takeInbox)
        runJobs()
        for participant in participants { participant.turn() }
        runJobs()
    }

    private func waitMs() -> Int32 {
        guard jobs.waiting.isEmpty, turnEnds.isEmpty else { return 0 }
        var waitMs = Self.idleWaitMs
        for participant in participants {
            if let limit = participant.waitLimitMs() { waitMs = min(waitMs, limit) }
        }
        if let deadlineNs = timers.nextDeadlineNs() {
            // Round up: to wake slightly late is better than to spin through the last millisecond.
            let leftMs = deadlineNs <= nowNs ? 0 : (deadlineNs - nowNs + nsPerMs - 1) / nsPerMs
            waitMs = min(waitMs, Int32(clamping: leftMs))
        }
        return waitMs
    }

    private func takeInbox() {
        jobs.waiting += inbox.withLock { waiting in
            defer { waiting.removeAll(keepingCapacity: true) }
            return waiting
        }
    }

    private func runJobs() {
        let executor = asUnownedTaskExecutor()
        var rounds = 0
        while !jobs.waiting.isEmpty, rounds < Self.maxJobRounds {
            jobs.begin()
            for job in jobs.running { job.runSynchronously(on: executor) }
            jobs.running.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }

    private func endTurn() {
        if !turnEnds.isEmpty {
            // Bodies that are added from here on run at the end of the next turn, so that this turn ends.
            let bodies = turnEnds
            turnEnds.removeAll(keepingCapacity: true)
            for body in bodies { body() }
            runJobs()
        }
        for participant in participants { participant.endTurn() }
    }
}

/// Passes a value that is not `Sendable` to a closure that must be `Sendable`, if both are used on the same thread.
private struct ThreadConfined<Value>: @unchecked Sendable {
    // Safe because only `Reactor.spawn` makes one. `spawn` checks that it runs on the reactor's thread. The task starts
    // there (`Task.immediate`), and its executor preference keeps it there.
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
public func monotonicNs() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
