import EventLoop
import FoundationEssentials
import Glibc

/// A running pair of stores on this machine: six redis-servers, four services, and a relay between each service and
/// each of its replicas.
///
/// Confined to the reactor's thread. Call `start()` and `stop()` once each, and `stop()` even if `start()` has failed.
final class Lab {
    let settings: LabSettings
    let topology: Topology
    let reactor: Reactor
    let runDirectory: RunDirectory
    let password = Lab.randomName(32)
    let secretKey = Lab.randomName(48)
    /// The zero of the lab's clock, in monotonic nanoseconds.
    private(set) var startNs = monotonicNs()

    var ports: [String: UInt16] = [:]
    /// The port of the page; 0 if there is none.
    var pagePort: UInt16 = 0
    /// The processes by name: those of the nodes, and `app-cp init`, which is not a node.
    var processes: [String: NodeProcess] = [:]
    var relays: [Link: Relay] = [:]
    var resources = Resources()
    private(set) var isStopping = false
    /// The name of the signal that stopped the lab; empty if no signal has stopped it.
    private(set) var stopReason = ""

    /// The resources that ``stop()`` releases in addition to processes and relays. ``start()`` sets them.
    struct Resources {
        var dataPath: String?
        var spawner: Spawner?
        var lockDescriptor: Int32?
        var reservedPorts: [PortReservation] = []
        var control: ControlServer?
        var bugProxy: BugProxy?
        var tls: ServiceTLS?
        /// The port of the service behind ``bugProxy``. Clients use the port of the proxy instead.
        var hiddenPort: UInt16?
    }

    init(_ settings: LabSettings, topology: Topology = .pair, on reactor: Reactor) {
        self.settings = settings
        self.topology = topology
        self.reactor = reactor
        runDirectory = RunDirectory(path: Executables.absolute(settings.runDirectory))
    }

    /// Called for each SIGINT, SIGTERM or SIGHUP. The first call starts a clean shutdown. Each further call kills all
    /// processes.
    func requestStop(signal: Int32) {
        guard !isStopping else {
            for process in processes.values { process.signal(SIGKILL) }
            return
        }
        isStopping = true
        stopReason = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] ?? ""
        // End the wait for a helper process such as `app-cp init`.
        for helper in helpers { helper.signal(SIGTERM) }
    }

    /// Restarts the lab's clock: it shows zero for `delayMs` milliseconds, then runs from zero. Times from before the
    /// restart are not comparable with times from after it.
    func restartClock(inMs delayMs: UInt64) { startNs = monotonicNs() + delayMs * nsPerMs }

    func untilStopRequested() async {
        while !isStopping { await reactor.sleep(forNs: 50 * nsPerMs) }
    }

    /// The directory for data and logs; empty before ``start()``.
    var dataPath: String { resources.dataPath ?? "" }

    /// Waits for `durationMs`, in short steps so that a stop of the lab ends the wait.
    func pause(_ durationMs: UInt64) async {
        let endNs = reactor.nowNs + durationMs * nsPerMs
        while reactor.nowNs < endNs, !isStopping {
            await reactor.sleep(forNs: min(endNs - reactor.nowNs, 50 * nsPerMs))
        }
    }

    func checkNotStopping() throws(LabError) {
        if isStopping { throw .interrupted }
    }

    /// Called after SIGCHLD: records which processes have ended.
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

    /// Stops everything, services before replicas, and removes all temporary files.
    func stop() async {
        isStopping = true
        resources.control?.close()
        for helper in helpers { await helper.stop(graceMs: 1_000) }
        await stopAll(topology.services, graceMs: 6_000)
        for relay in relays.values { relay.close() }
        relays = [:]
        resources.bugProxy?.close()
        resources.bugProxy = nil
        await stopAll(topology.replicas, graceMs: 3_000)
        if settings.dataDirectory == nil, let path = resources.dataPath {
            try? FileManager.default.removeItem(atPath: path)
        }
        if let lockDescriptor = resources.lockDescriptor {
            runDirectory.remove()
            RunDirectory.unlock(lockDescriptor)
        }
        resources.spawner?.finish()
    }

    /// Sends SIGTERM to all processes before waiting for the first one to end, so that their grace periods overlap.
    private func stopAll(_ nodes: [Node], graceMs: UInt64) async {
        let running = nodes.compactMap { processes[$0.name] }.filter { $0.state.pid != nil }
        for process in running { process.terminate() }
        for process in running { await process.stop(graceMs: graceMs) }
    }

    // MARK: Logs

    /// Truncates each log that is longer than ``maxLogBytes``. Processes open their logs for appending, so after the
    /// truncation they write at the start of the file.
    func limitLogs() async {
        while !isStopping {
            for path in processes.values.map(\.plan.logPath) {
                var status = stat()
                if lstat(path, &status) == 0, status.st_size > Self.maxLogBytes { truncate(path, 0) }
            }
            await pause(2_000)
        }
    }

    /// The length of a log above which it is truncated: 64 MiB.
    private static let maxLogBytes = 64 << 20

    /// Random letters and digits. Each has almost 6 bits of randomness.
    static func randomName(_ count: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        return String((0..<count).map { _ in letters.randomElement()! })
    }
}
