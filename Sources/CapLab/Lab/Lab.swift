import EventLoop
import FoundationEssentials
import Glibc

/// The running pair on this machine: six redis-servers, four services, and a relay on every path between them.
///
/// Confined to one reactor's thread. `start()` and `stop()` are called once each, `stop()` also if `start()` failed.
final class Lab {
    let settings: LabSettings
    let topology: Topology
    let reactor: Reactor
    let runDirectory: RunDirectory
    let password = Lab.randomName(32)
    let secretKey = Lab.randomName(48)

    var ports: [String: UInt16] = [:]
    /// By node; also `app-cp init`, which is not a node.
    var processes: [String: NodeProcess] = [:]
    var relays: [Link: Relay] = [:]
    var dataPath = ""
    var spawner: Spawner?
    var lockDescriptor: Int32?
    var control: ControlServer?
    private let stopRequest = StopRequest()
    private var logTimer: LoopTimer?

    private final class StopRequest {
        var isMade = false
        /// The name of the signal.
        var reason = ""
        var waiter: UnsafeContinuation<Void, Never>?
    }

    var isStopping: Bool { stopRequest.isMade }
    var stopReason: String { stopRequest.reason }

    init(_ settings: LabSettings, topology: Topology = .pair, on reactor: Reactor) {
        self.settings = settings
        self.topology = topology
        self.reactor = reactor
        runDirectory = RunDirectory(path: Executables.absolute(settings.runDirectory))
    }

    /// Waits for ``requestStop(signal:)``.
    func untilStopRequested() async {
        guard !isStopping else { return }
        await withUnsafeContinuation { stopRequest.waiter = $0 }
    }

    /// The first call stops everything in order; the second kills all processes.
    func requestStop(signal: Int32) {
        guard !isStopping else {
            for process in processes.values { process.signal(SIGKILL) }
            return
        }
        stopRequest.isMade = true
        stopRequest.reason = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] ?? ""
        // Ends the wait for a helper.
        for helper in helpers { helper.signal(SIGTERM) }
        stopRequest.waiter.take()?.resume()
    }

    func checkNotStopping() throws(LabError) {
        if isStopping { throw .interrupted }
    }

    /// After SIGCHLD.
    func reap() {
        for process in processes.values where process.reap() {
            guard settings.isInteractive, !process.isExpectedToEnd, !isStopping, topology.node(process.name) != nil
            else { continue }
            say("\(process.name) \(process.state.summary) (log: \(process.plan.logPath)); start it again with:")
            say("  caplab start \(process.name)")
        }
    }

    /// Processes that are not nodes.
    private var helpers: [NodeProcess] { processes.values.filter { topology.node($0.name) == nil } }

    // MARK: Stopping

    /// Stops everything, services first, and removes all files.
    func stop() async {
        stopRequest.isMade = true
        logTimer?.cancel()
        control?.close()
        for helper in helpers { await helper.stop(graceMs: 1_000) }
        await stopAll(topology.services, graceMs: 6_000)
        for relay in relays.values { relay.close() }
        relays = [:]
        await stopAll(topology.replicas, graceMs: 3_000)
        if settings.dataDirectory == nil, !dataPath.isEmpty { try? FileManager.default.removeItem(atPath: dataPath) }
        if let lockDescriptor {
            runDirectory.remove()
            RunDirectory.unlock(lockDescriptor)
        }
        spawner?.finish()
    }

    /// Sends SIGTERM to all before it waits for the first, so that their grace periods overlap.
    private func stopAll(_ nodes: [Node], graceMs: UInt64) async {
        let running = nodes.compactMap { processes[$0.name] }.filter { $0.state.pid != nil }
        for process in running { process.terminate() }
        for process in running { await process.stop(graceMs: graceMs) }
    }

    // MARK: Logs

    /// Truncates each log when it gets long. Writers append, so they continue at its start.
    func truncateLogsRegularly() {
        logTimer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ 2_000 * nsPerMs) { [weak self] in
            guard let self else { return }
            for process in processes.values {
                Self.truncateIfLong(process.plan.logPath)
            }
            truncateLogsRegularly()
        }
    }

    private static func truncateIfLong(_ path: String) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_size > maxLogBytes { truncate(path, 0) }
    }

    /// 64 MiB per process.
    static let maxLogBytes = 64 << 20

    /// Random letters and digits, 5.9 bits each.
    static func randomName(_ count: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        return String((0..<count).map { _ in letters.randomElement()! })
    }
}
