import EventLoop

/// Time, tasks and randomness of a unit test: nothing waits, the clock jumps to the next timer.
final class VirtualScheduler: TaskExecutor, Scheduler, @unchecked Sendable {
    // Safe because a test runs it, and everything that it runs, on one thread.
    private(set) var nowNs: UInt64 = 1_000 * nsPerMs
    var wallClockOffsetMs: Int64 = 1_700_000_000_000
    private var jobs: [UnownedJob] = []
    private var timers: [(atNs: UInt64, order: UInt64, timer: any Expirable)] = []
    private var order: UInt64 = 0
    private var randomState: UInt64 = 42

    var wallClockMs: Int64 { wallClockOffsetMs + Int64(nowNs / nsPerMs) }

    func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        order += 1
        timers.append((deadlineNs, order, timer))
    }

    func spawn(_ body: @escaping () async -> Void) {
        let confined = Confined(body: body)
        Task.immediate(executorPreference: self) { await confined.body() }
    }

    func randomBits() -> UInt64 {
        randomState = randomState &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return randomState
    }

    /// Runs `body` to its end.
    func run<Value>(_ body: @escaping () async throws -> Value) throws -> Value {
        var result: Result<Value, any Error>?
        spawn {
            do { result = .success(try await body()) } catch { result = .failure(error) }
        }
        while result == nil {
            precondition(step(), "everybody waits for an event that will never come")
        }
        return try result!.get()
    }

    private func step() -> Bool {
        if !jobs.isEmpty {
            jobs.removeFirst().runSynchronously(on: asUnownedTaskExecutor())
            return true
        }
        timers.removeAll { $0.timer.isSettled }
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
        // Safe because it is only run on the test's thread.
        let body: () async -> Void
    }
}
