import CLinux
import Glibc
import Synchronization

/// Takes part in every turn of a reactor's loop, beside the descriptors it registered.
public protocol TurnParticipant: AnyObject {
    /// The longest the loop may sleep before this participant's next turn, in milliseconds; nil for no wish.
    func waitLimitMs() -> Int32?
    /// Runs once a turn, after events and the tasks they woke.
    func turn()
    /// Runs at the end of each turn, when all tasks have run: the place to flush what they wrote.
    func endTurn()
}

/// Hears of events on one descriptor.
public protocol DescriptorHandler: AnyObject {
    /// `events` are epoll bits (`EPOLLIN`, `EPOLLOUT`, `EPOLLHUP`, `EPOLLERR`).
    func ready(events: UInt32)
}

/// One thread, one epoll, no locks: the event loop that carries HTTP, Redis and all request code of one reactor.
///
/// It is the executor of every task started with ``spawn(_:)``, so that async functions resume on this very thread and
/// the objects they share need no synchronisation. Only ``submit(_:)`` and ``stop()`` may be called from other threads.
public final class Reactor: SerialExecutor, TaskExecutor, Scheduler, @unchecked Sendable {
    // Safe because all mutable state below is touched only by the reactor's own thread (checked by `preconditionOnThread`
    // at every entry point), except `inbox` and `stopping`, which are synchronised, and `thread`, written before start.

    public let name: String
    public private(set) var nowNs: UInt64 = monotonicNs()

    private let epoll: Int32
    private let wakeup: Int32
    private var thread: pthread_t = 0
    private var isStarted = false
    private let stopping = Atomic<Bool>(false)
    private let inbox = Mutex<[UnownedJob]>([])
    private let submitted = Mutex<[@Sendable () -> Void]>([])

    private var jobs: [UnownedJob] = []
    private var runningJobs: [UnownedJob] = []
    private var timers = TimerQueue()
    private var turnEnds: [() -> Void] = []
    private var participants: [any TurnParticipant] = []
    private var handlers: [Int32: Registration] = [:]
    private var nextGeneration: UInt32 = 1
    /// Seeded by the kernel.
    private var random: SplitMix64

    /// The longest the loop sleeps with nothing to do.
    private static let idleWaitMs: Int32 = 1_000
    /// Rounds of newly woken tasks run before descriptors are looked at again, so that tasks cannot starve I/O.
    private static let maxJobRounds = 64

    private struct Registration {
        let handler: any DescriptorHandler
        let generation: UInt32
        var events: UInt32
    }

    /// - Throws: ``ReactorError`` where the kernel gives no descriptor.
    public init(name: String) throws {
        self.name = name
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeup = clinux_eventfd()
        var kernel = SystemRandomNumberGenerator()
        random = SplitMix64(seed: kernel.next())
        guard epoll >= 0, wakeup >= 0 else { throw ReactorError.noDescriptor(errno: errno) }
        _ = clinux_epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue, UInt64(UInt32(bitPattern: wakeup)))
    }

    deinit {
        close(epoll)
        close(wakeup)
    }

    // MARK: Starting and stopping

    /// Starts the loop on a thread of its own.
    public func start() {
        precondition(!isStarted, "a reactor starts once")
        isStarted = true
        pthread_create(
            &thread, nil,
            { pointer in
                Unmanaged<Reactor>.fromOpaque(pointer!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    /// Asks the loop to end after its current turn. From any thread.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wake()
    }

    /// Waits for the loop's thread to end. From any thread but the loop's own.
    public func join() {
        pthread_join(thread, nil)
    }

    /// Runs `body` on the reactor's thread, soon. From any thread.
    public func submit(_ body: @escaping @Sendable () -> Void) {
        submitted.withLock { $0.append(body) }
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    // MARK: Executor

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        if isOnThread {
            jobs.append(unowned)
        } else {
            inbox.withLock { $0.append(unowned) }
            wake()
        }
    }

    public func checkIsolated() { preconditionOnThread() }

    public var isOnThread: Bool { pthread_equal(pthread_self(), thread) != 0 }

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
        if let known = handlers[descriptor] {
            guard known.events != events else { return }
            handlers[descriptor]?.events = events
            let data = Self.eventData(descriptor, known.generation)
            _ = clinux_epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, events, data)
            return
        }
        let generation = nextGeneration
        nextGeneration = generation == .max ? 1 : generation + 1
        handlers[descriptor] = Registration(handler: handler, generation: generation, events: events)
        _ = clinux_epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, events, Self.eventData(descriptor, generation))
    }

    /// Stops watching `descriptor`; to be called before it is closed.
    public func unwatch(_ descriptor: Int32) {
        preconditionOnThread()
        guard handlers.removeValue(forKey: descriptor) != nil else { return }
        _ = clinux_epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    /// The generation tells an event of a closed descriptor from one of a new descriptor with the same number.
    private static func eventData(_ descriptor: Int32, _ generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    }

    // MARK: The loop

    private func run() {
        thread = pthread_self()
        var events = [epoll_event](repeating: epoll_event(), count: 128)
        while !stopping.load(ordering: .acquiring) {
            hear(&events, waitMs: waitMs())
            if let deadlineNs = timers.nextDeadlineNs(), deadlineNs <= nowNs {
                // Perhaps the process was stopped for a while. What arrived meanwhile is heard before deadlines pass, or every
                // replica that answered in time would be given up.
                let dueNs = nowNs
                hear(&events, waitMs: 0)
                while let timer = timers.popDue(nowNs: dueNs) { timer.expire() }
                runJobs()
            }
            endTurn()
        }
    }

    /// Waits for events, and runs what they wake.
    private func hear(_ events: inout [epoll_event], waitMs: Int32) {
        let count = epoll_wait(epoll, &events, Int32(events.count), waitMs)
        nowNs = monotonicNs()
        for index in 0..<Int(max(0, count)) { dispatch(events[index]) }
        runJobs()
        for participant in participants { participant.turn() }
        runJobs()
    }

    private func endTurn() {
        if !turnEnds.isEmpty {
            // Bodies that are added meanwhile run at the end of the next turn, so that this one ends.
            let bodies = turnEnds
            turnEnds.removeAll(keepingCapacity: true)
            for body in bodies { body() }
            runJobs()
        }
        for participant in participants { participant.endTurn() }
    }

    private func waitMs() -> Int32 {
        guard jobs.isEmpty, turnEnds.isEmpty else { return 0 }
        var waitMs = Self.idleWaitMs
        for participant in participants {
            if let limit = participant.waitLimitMs() { waitMs = min(waitMs, limit) }
        }
        if let deadlineNs = timers.nextDeadlineNs() {
            // Rounded up: waking a little late beats spinning through the last millisecond.
            let leftMs = deadlineNs <= nowNs ? 0 : (deadlineNs - nowNs + nsPerMs - 1) / nsPerMs
            waitMs = min(waitMs, Int32(clamping: leftMs))
        }
        return waitMs
    }

    private func dispatch(_ event: epoll_event) {
        let descriptor = Int32(bitPattern: UInt32(truncatingIfNeeded: event.data.u64))
        let generation = UInt32(truncatingIfNeeded: event.data.u64 >> 32)
        if descriptor == wakeup, generation == 0 {
            takeInbox()
        } else if let known = handlers[descriptor], known.generation == generation {
            known.handler.ready(events: event.events)
        }
    }

    private func takeInbox() {
        var counter: UInt64 = 0
        _ = read(wakeup, &counter, 8)
        jobs += inbox.withLock { waiting in
            defer { waiting.removeAll(keepingCapacity: true) }
            return waiting
        }
        let bodies = submitted.withLock { waiting in
            defer { waiting.removeAll() }
            return waiting
        }
        for body in bodies { body() }
    }

    private func runJobs() {
        let executor = asUnownedTaskExecutor()
        var rounds = 0
        while !jobs.isEmpty, rounds < Self.maxJobRounds {
            swap(&jobs, &runningJobs)
            for job in runningJobs { job.runSynchronously(on: executor) }
            runningJobs.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }
}

/// Why a reactor could not be made.
public enum ReactorError: Error {
    case noDescriptor(errno: Int32)
}

/// `CLOCK_MONOTONIC` in nanoseconds.
public func monotonicNs() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
