import EventLoop
import FoundationEssentials
import Glibc

/// How to set up a lab.
struct LabSettings: Sendable {
    /// The directory of the control socket and the lock.
    let runDirectory: String
    /// A service listens on this plus its offset (1, 2, 11, 12); nil: on any free port.
    var portBase: UInt16?
    /// Ports by node, which take precedence.
    var ports: [String: UInt16] = [:]
    /// A page is served, see ``LabPage``.
    var hasPage = false
    /// Its port; nil: the port base, or any free port without one.
    var pagePort: UInt16?
    /// The directory of data and logs; nil: a temporary one that is removed at the end.
    var dataDirectory: String?
    /// The directory of `app-cp` and `app-ap`; nil: that of this program.
    var binDirectory: String?
    /// Further settings of the services. The lab's own take precedence.
    var serviceEnvironment: [String: String] = [:]
    /// Further configuration lines of the redis-servers of a group (`appendfsync no`).
    var redisArguments: [GroupName: [String]] = [:]
    /// Services connect to their replicas without relays, for measuring. Nothing can be cut then.
    var isDirect = false
    /// Nodes whose clocks can be stepped, see ``SteppedClock``.
    var clockNodes: Set<String> = []
    /// A deliberate bug in front of one service, see ``BugProxy``.
    var bug: LabBug?
    /// A person runs the lab: services inherit its environment, and it prints a line if a process exits by itself.
    var isInteractive = false
    let environment = ProcessInfo.processInfo.environment
}

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
    /// Zero of the lab's clock, in monotonic nanoseconds.
    private(set) var startNs = monotonicNs()

    var ports: [String: UInt16] = [:]
    /// Of the page; 0 without one.
    var pagePort: UInt16 = 0
    /// By node; also `app-cp init`, which is not a node.
    var processes: [String: NodeProcess] = [:]
    var relays: [Link: Relay] = [:]
    var resources = Resources()
    private(set) var isStopping = false
    /// The name of the signal.
    private(set) var stopReason = ""

    /// What ``stop()`` releases besides processes and relays; nil before ``start()``.
    struct Resources {
        var dataPath: String?
        var spawner: Spawner?
        var lockDescriptor: Int32?
        var reservedPorts: [PortReservation] = []
        var control: ControlServer?
        var bugProxy: BugProxy?
        /// Where the service behind ``bugProxy`` listens; clients know the port of the proxy.
        var hiddenPort: UInt16?
    }

    init(_ settings: LabSettings, topology: Topology = .pair, on reactor: Reactor) {
        self.settings = settings
        self.topology = topology
        self.reactor = reactor
        runDirectory = RunDirectory(path: Executables.absolute(settings.runDirectory))
    }

    /// The first call stops everything in order; the second kills all processes.
    func requestStop(signal: Int32) {
        guard !isStopping else {
            for process in processes.values { process.signal(SIGKILL) }
            return
        }
        isStopping = true
        stopReason = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] ?? ""
        // Ends the wait for a helper.
        for helper in helpers { helper.signal(SIGTERM) }
    }

    /// Sets the lab's clock to zero in `delayMs`; until then it stands at zero. Before anything observes the lab.
    func restartClock(inMs delayMs: UInt64) { startNs = monotonicNs() + delayMs * nsPerMs }

    func untilStopRequested() async {
        while !isStopping { await reactor.sleep(forNs: 50 * nsPerMs) }
    }

    /// The directory of data and logs; empty before ``start()``.
    var dataPath: String { resources.dataPath ?? "" }

    /// In short steps, so that a stop ends it.
    func pause(_ durationMs: UInt64) async {
        let endNs = reactor.nowNs + durationMs * nsPerMs
        while reactor.nowNs < endNs, !isStopping {
            await reactor.sleep(forNs: min(endNs - reactor.nowNs, 50 * nsPerMs))
        }
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

    /// Sends SIGTERM to all before it waits for the first, so that their grace periods overlap.
    private func stopAll(_ nodes: [Node], graceMs: UInt64) async {
        let running = nodes.compactMap { processes[$0.name] }.filter { $0.state.pid != nil }
        for process in running { process.terminate() }
        for process in running { await process.stop(graceMs: graceMs) }
    }

    // MARK: Logs

    /// Truncates each log when it gets long. Writers append, so they continue at its start.
    func limitLogs() async {
        while !isStopping {
            for path in processes.values.map(\.plan.logPath) {
                var status = stat()
                if lstat(path, &status) == 0, status.st_size > Self.maxLogBytes { truncate(path, 0) }
            }
            await pause(2_000)
        }
    }

    /// 64 MiB per process.
    private static let maxLogBytes = 64 << 20

    /// Random letters and digits, 5.9 bits each.
    static func randomName(_ count: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        return String((0..<count).map { _ in letters.randomElement()! })
    }
}
