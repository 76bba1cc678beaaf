import EventLoop

/// Time, tasks and randomness of a unit test in virtual time: the clock jumps to the next timer, so nothing really
/// waits.
public final class VirtualScheduler: TaskExecutor, Scheduler, @unchecked Sendable {
    // Safe because a test runs it, and everything that it runs, on one thread.
    public private(set) var nowNs: UInt64 = 1_000 * nsPerMs
    public var wallClockOffsetMs: Int64 = 1_700_000_000_000
    private var jobs: [UnownedJob] = []
    private var turnEnds: [() -> Void] = []
    private var timers: [(atNs: UInt64, order: UInt64, timer: any Expirable)] = []
    private var order: UInt64 = 0
    private var random = SplitMix64(seed: 42)

    public init() {}

    public var wallClockMs: Int64 { wallClockOffsetMs + Int64(nowNs / nsPerMs) }

    public func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    public func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        order += 1
        timers.append((deadlineNs, order, timer))
    }

    public func atEndOfTurn(_ body: @escaping () -> Void) { turnEnds.append(body) }

    public func spawn(_ body: @escaping () async -> Void) {
        let confined = Confined(body: body)
        Task.immediate(executorPreference: self) { await confined.body() }
    }

    public func randomBits() -> UInt64 { random.next() }

    /// Runs `body` to its end.
    public func run<Value>(_ body: @escaping () async throws -> Value) throws -> Value {
        var result: Result<Value, any Error>?
        spawn {
            do { result = .success(try await body()) } catch { result = .failure(error) }
        }
        while result == nil {
            precondition(step(), "every task waits for an event that never comes")
        }
        return try result!.get()
    }

    private func step() -> Bool {
        // Drop settled timers as early as the protocol allows, so that a test fails if code still relies on one.
        timers.removeAll { $0.timer.isSettled }
        if !jobs.isEmpty {
            jobs.removeFirst().runSynchronously(on: asUnownedTaskExecutor())
            return true
        }
        if !turnEnds.isEmpty {
            turnEnds.removeFirst()()
            return true
        }
        guard let next = timers.indices.min(by: { timerIsBefore($0, $1) }) else { return false }
        let timer = timers.remove(at: next)
        nowNs = max(nowNs, timer.atNs)
        timer.timer.expire()
        return true
    }

    private func timerIsBefore(_ left: Int, _ right: Int) -> Bool {
        (timers[left].atNs, timers[left].order) < (timers[right].atNs, timers[right].order)
    }

    private struct Confined: @unchecked Sendable {
        // Safe because it runs on the test's thread only.
        let body: () async -> Void
    }
}
