import EventLoop
import FoundationEssentials
import Glibc

/// The running pair on this machine: six redis-servers, four services, and a relay on every path between them.
///
/// All of it lives on one reactor's thread. `start()` and `stop()` are called once each, `stop()` also where `start()`
/// failed half way.
final class Lab {
    let settings: LabSettings
    let topology: Topology
    let reactor: Reactor
    let runDirectory: RunDirectory
    let password = Lab.randomName(32)
    let secretKey = Lab.randomName(48)

    var ports: [String: UInt16] = [:]
    var processes: [String: NodeProcess] = [:]
    var relays: [Link: Relay] = [:]
    var dataPath = ""
    var executables: Executables?
    var spawner: Spawner?
    var lockDescriptor: Int32?
    var control: ControlServer?
    /// Helpers that are no node: `app-cp init`, curl.
    var helpers: [NodeProcess] = []

    private(set) var isStopping = false
    /// The signal that asked for the end, by name.
    private(set) var stopReason = ""
    private var stopWaiter: UnsafeContinuation<Void, Never>?
    private var housekeeping: LoopTimer?

    init(_ settings: LabSettings, topology: Topology = .pair, on reactor: Reactor) {
        self.settings = settings
        self.topology = topology
        self.reactor = reactor
        runDirectory = RunDirectory(path: Executables.absolute(settings.runDirectory))
    }

    /// Waits for ``requestStop(signal:)``.
    func untilStopRequested() async {
        guard !isStopping else { return }
        await withUnsafeContinuation { stopWaiter = $0 }
    }

    /// The first call asks everything to end in order; the second ends all processes at once.
    func requestStop(signal: Int32) {
        guard !isStopping else {
            for process in allProcesses { process.signal(SIGKILL) }
            return
        }
        isStopping = true
        if let name = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] { stopReason = name }
        // Whoever waits for a helper waits no longer.
        for helper in helpers { helper.signal(SIGTERM) }
        stopWaiter.take()?.resume()
    }

    func checkNotStopping() throws(LabError) {
        if isStopping { throw .interrupted }
    }

    /// After SIGCHLD.
    func reap() {
        for process in allProcesses where process.reap() {
            guard settings.reportsExits, !process.isExpectedToEnd, !isStopping, topology.node(process.name) != nil
            else {
                continue
            }
            say("\(process.name) \(process.state.summary) (log: \(process.plan.logPath)); start it again with:")
            say("  caplab start \(process.name)")
        }
        helpers.removeAll { $0.state.pid == nil }
    }

    private var allProcesses: [NodeProcess] { Array(processes.values) + helpers }

    // MARK: The end

    /// Ends everything, services first, and leaves nothing behind.
    func stop() async {
        isStopping = true
        housekeeping?.cancel()
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

    /// All get SIGTERM before the first is waited for, so that the grace is not paid by each in turn.
    private func stopAll(_ nodes: [Node], graceMs: UInt64) async {
        let running = nodes.compactMap { processes[$0.name] }.filter { $0.state.pid != nil }
        for process in running { process.terminate() }
        for process in running { await process.stop(graceMs: graceMs) }
    }

    // MARK: Small things

    /// Logs grow without end under load, so each is cut back when it gets long. Writers append, so they go on at its start.
    func keepHouse() {
        housekeeping = LoopTimer(on: reactor, atNs: reactor.nowNs &+ 2_000 * nsPerMs) { [weak self] in
            guard let self else { return }
            for process in processes.values {
                Self.shorten(process.plan.logPath)
            }
            keepHouse()
        }
    }

    private static func shorten(_ path: String) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_size > maxLogBytes { truncate(path, 0) }
    }

    /// 64 MiB a process.
    static let maxLogBytes = 64 << 20

    /// Letters and digits from the kernel's randomness, 5.9 bits each.
    static func randomName(_ count: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        return String((0..<count).map { _ in letters.randomElement()! })
    }
}

/// Prints a line at once, also where standard output is a pipe.
func say(_ line: String) {
    writeAll(1, line + "\n")
}

/// Prints a line on standard error.
func complain(_ line: String) {
    writeAll(2, line + "\n")
}

private func writeAll(_ descriptor: Int32, _ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
