import EventLoop
import Glibc

/// The process of one node, or a helper process such as `app-cp init`.
final class NodeProcess {
    enum State: Equatable {
        case notStarted
        case running(pid_t)
        /// Paused by SIGSTOP: the process keeps its connections and does not answer.
        case paused(pid_t)
        /// Ended, with the raw status that `waitpid` returned.
        case ended(status: Int32)

        var pid: pid_t? {
            switch self {
            case .running(let pid), .paused(let pid): pid
            case .notStarted, .ended: nil
            }
        }

        var summary: String {
            switch self {
            case .notStarted: "not started"
            case .running: "running"
            case .paused: "paused"
            case .ended(let status): exitCode.map { "exited \($0)" } ?? "killed by signal \(status & 0x7F)"
            }
        }

        /// The exit code, if the process has exited; nil if it has not ended, or if a signal killed it.
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
    /// True if the lab itself ended the process, so that its end is not reported as a problem.
    private(set) var isExpectedToEnd = false

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

    /// Called after each SIGCHLD.
    /// - Returns: true if the process has ended since the last call.
    func reap() -> Bool {
        guard let pid = state.pid else { return false }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return false }
        state = .ended(status: status)
        return true
    }

    /// - Returns: false if the process has not ended within `timeoutMs`.
    func ended(withinMs timeoutMs: UInt64) async -> Bool {
        let deadlineNs = reactor.nowNs &+ timeoutMs * nsPerMs
        while state.pid != nil, reactor.nowNs < deadlineNs { await reactor.sleep(forNs: 2 * nsPerMs) }
        return state.pid == nil
    }

    /// Sends SIGTERM. First resumes a paused process, so that it can handle the signal.
    func terminate() {
        if case .paused = state { signal(SIGCONT) }
        signal(SIGTERM)
    }

    /// Sends SIGTERM, and SIGKILL if the process has not ended after `graceMs`.
    func stop(graceMs: UInt64) async {
        terminate()
        if await ended(withinMs: graceMs) { return }
        signal(SIGKILL)
        _ = await ended(withinMs: 5_000)
    }
}
