import EventLoop
import Glibc

/// The process behind one node, or a helper such as `app-cp init`.
final class NodeProcess {
    enum State: Equatable {
        case notStarted
        case running(pid_t)
        /// Stopped by SIGSTOP: it keeps its connections and answers nothing.
        case paused(pid_t)
        /// Ended; the raw status of waitpid.
        case ended(status: Int32)

        var pid: pid_t? {
            switch self {
            case .running(let pid), .paused(let pid): pid
            case .notStarted, .ended: nil
            }
        }

        var summary: String {
            switch self {
            case .notStarted: return "not started"
            case .running: return "running"
            case .paused: return "paused"
            case .ended(let status):
                let signal = status & 0x7F
                return signal == 0 ? "exited \((status >> 8) & 0xFF)" : "killed by signal \(signal)"
            }
        }

        /// The exit code of a process that ended by itself.
        var exitCode: Int32? {
            guard case .ended(let status) = self, status & 0x7F == 0 else { return nil }
            return (status >> 8) & 0xFF
        }
    }

    let name: String
    let plan: LaunchPlan
    private let spawner: Spawner
    private let reactor: Reactor
    private(set) var state = State.notStarted
    /// Set while the lab itself ends the process, so that its end is no news.
    private(set) var isExpectedToEnd = false
    private var waiters: [ExitWaiter] = []

    init(name: String, plan: LaunchPlan, spawner: Spawner, on reactor: Reactor) {
        self.name = name
        self.plan = plan
        self.spawner = spawner
        self.reactor = reactor
    }

    func start() throws(LabError) {
        guard state.pid == nil else { return }
        isExpectedToEnd = false
        state = .running(try spawner.start(plan))
    }

    func signal(_ number: Int32) {
        guard let pid = state.pid else { return }
        kill(pid, number)
        switch number {
        case SIGSTOP: state = .paused(pid)
        case SIGCONT: state = .running(pid)
        case SIGTERM, SIGKILL: isExpectedToEnd = true
        default: break
        }
    }

    /// Looks whether the process has ended; called after each SIGCHLD.
    /// - Returns: true if it has, since the last look.
    func reap() -> Bool {
        guard let pid = state.pid else { return false }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return false }
        state = .ended(status: status)
        spawner.tell(.gone(pid))
        for waiter in waiters { waiter.settle(true) }
        waiters = []
        return true
    }

    /// - Returns: true once the process has ended, false if it has not after `timeoutMs`.
    func ended(withinMs timeoutMs: UInt64) async -> Bool {
        guard state.pid != nil else { return true }
        return await withUnsafeContinuation { continuation in
            let waiter = ExitWaiter(continuation)
            waiters.append(waiter)
            reactor.schedule(waiter, atNs: reactor.nowNs &+ timeoutMs * nsPerMs)
        }
    }

    /// Asks it to end. A paused process would not hear that.
    func terminate() {
        if case .paused = state { signal(SIGCONT) }
        signal(SIGTERM)
    }

    /// Asks it to end, and ends it where that does not help in time.
    func stop(graceMs: UInt64) async {
        terminate()
        if await ended(withinMs: graceMs) { return }
        signal(SIGKILL)
        _ = await ended(withinMs: 5_000)
    }

    private final class ExitWaiter: Expirable {
        private var continuation: UnsafeContinuation<Bool, Never>?
        init(_ continuation: UnsafeContinuation<Bool, Never>) { self.continuation = continuation }
        var isSettled: Bool { continuation == nil }
        func expire() { settle(false) }
        func settle(_ hasEnded: Bool) { continuation.take()?.resume(returning: hasEnded) }
    }
}
