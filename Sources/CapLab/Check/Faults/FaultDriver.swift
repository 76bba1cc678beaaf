import EventLoop
import Glibc

/// Injects random faults into a running lab and heals them.
///
/// Up to ``maxActive`` faults overlap, but never two that pause or kill the same process. With ``needsReachable``, the
/// driver leaves every service a replica that it can reach, because `app-ap` guarantees answers only in that case.
final class FaultDriver {
    private static let maxActive = 3
    private static let meanGapUs: UInt64 = 500_000
    private static let recoveryMs: UInt64 = 20_000

    private let lab: Lab
    private let group: GroupName
    private let needsReachable: Bool
    private var random: SplitMix64
    private let tasks: TaskBundle
    /// Services that are paused or killed, or that have not served since they were resumed or started again.
    private var disturbed: Set<String> = []
    /// How often each service was paused or killed.
    private var disturbances: [String: Int] = [:]

    /// All faults, ordered by their start. An active fault has no end yet.
    private(set) var log: [(fault: CheckFault, startNs: UInt64, endNs: UInt64?)] = []
    /// Redis servers that were killed, and when. They may have lost changes that were not synced to disk.
    private(set) var kills: [(replica: String, atNs: UInt64)] = []
    /// The longest time that a resumed or restarted service needed until it served again.
    private(set) var slowestReturnNs: UInt64 = 0
    /// One text per process that did not recover, exited by itself, or could not be paused, resumed, killed or started.
    private(set) var problems: [String] = []

    init(_ lab: Lab, group: GroupName, seed: UInt64, needsReachable: Bool) {
        self.lab = lab
        self.group = group
        self.needsReachable = needsReachable
        random = SplitMix64(seed: seed, stream: 0)
        tasks = TaskBundle(on: lab.reactor)
    }

    private var active: [CheckFault] { log.filter { $0.endNs == nil }.map(\.fault) }
    var activeCount: Int { active.count }
    var counts: [FaultKind: Int] { log.reduce(into: [:]) { $0[$1.fault.kind, default: 0] += 1 } }
    private var services: [Node] { lab.topology.services.filter { $0.group == group } }
    private var reactor: Reactor { lab.reactor }

    /// Nil while the service's own process is paused, killed or recovering. Otherwise a number that rises with each
    /// pause or kill of the service, so that a caller can tell whether one happened between two calls.
    func calmPeriod(of service: String) -> Int? {
        disturbed.contains(service) ? nil : disturbances[service] ?? 0
    }

    /// Injects faults until `endNs`. Returns when every fault has been healed and ``untilServing(_:)`` has returned for
    /// every service.
    func run(untilNs endNs: UInt64) async {
        while reactor.nowNs < endNs, !lab.isStopping {
            await reactor.sleep(forNs: random.pauseNs(meanUs: Self.meanGapUs))
            guard reactor.nowNs < endNs, !lab.isStopping, active.count < Self.maxActive else { continue }
            let fault = CheckFault.random(&random, group: group, topology: lab.topology)
            guard await isAllowed(fault), !lab.isStopping else { continue }
            inject(fault)
        }
        await tasks.ended()
        noteExitedProcesses()
    }

    private func isAllowed(_ fault: CheckFault) async -> Bool {
        guard fault.node == nil || !active.contains(where: { $0.node == fault.node }) else { return false }
        guard needsReachable else { return true }
        var rule = ReachRule(topology: lab.topology, services: services)
        for service in services { rule.usable[service.name] = await reachable(from: service) }
        // Read `disturbed` only after the requests above, because faults may have ended meanwhile.
        rule.down = disturbed
        return rule.holds(under: active + [fault])
    }

    /// The replicas that a service reports as reachable.
    private func reachable(from service: Node) async -> Set<String> {
        let ids = (await ask(service, "/replicas").replicas ?? []).filter { $0.reachable == true }.map(\.node)
        return Set(lab.topology.replicas(of: group).filter { ids.contains($0.replicaID) }.map(\.name))
    }

    // MARK: One fault

    private func inject(_ fault: CheckFault) {
        let entry = log.count
        log.append((fault, monotonicNs(), nil))
        tasks.add { [self] in
            await perform(fault)
            log[entry].endNs = monotonicNs()
            updateLinks()
        }
    }

    private func perform(_ fault: CheckFault) async {
        guard let name = fault.node, let node = lab.topology.node(name) else {
            updateLinks()
            return await lab.pause(fault.durationMs)
        }
        let isService = node.isService
        if isService { disturb(name) }
        let isKill = fault.kind == .killReplica || fault.kind == .killService
        if isKill, let id = node.replicaID { kills.append((id, monotonicNs())) }
        await change(isKill ? .kill : .pause, name)
        await lab.pause(fault.durationMs)
        guard !lab.isStopping else { return }
        await change(isKill ? .start : .resume, name)
        if isService { await untilServing(name) }
    }

    private func updateLinks() {
        for (link, relay) in lab.relays where lab.topology.node(link.service)?.group == group {
            relay.apply(active.reduce(LinkFault.none) { $0.combined(with: $1.links[link] ?? .none) })
        }
    }

    private func change(_ command: ControlRequest.Command, _ name: String) async {
        let reply = await lab.handle(ControlRequest(command: command, target: name))
        if reply.exitCode != 0, !lab.isStopping { problems.append(reply.message ?? "\(name): \(command) failed") }
    }

    private func disturb(_ service: String) {
        disturbances[service, default: 0] += 1
        disturbed.insert(service)
    }

    /// With ``needsReachable``, waits until the service answers a read and reaches a replica that no fault affects, but
    /// at most ``recoveryMs``.
    private func untilServing(_ name: String) async {
        defer { disturbed.remove(name) }
        guard needsReachable, let service = lab.topology.node(name) else { return }
        let startNs = reactor.nowNs
        while reactor.nowNs < startNs + Self.recoveryMs * nsPerMs, !lab.isStopping {
            // The service's report about replicas may be older than its pause. The read makes the service ask a
            // replica.
            let status = await ask(service, "/read/probe").status
            let usable = await reachable(from: service)
            let isServing = lab.topology.links.contains { link in
                link.service == name && usable.contains(link.replica) && !active.contains { $0.affects(link) }
            }
            if isServing, status == 200 || status == 404 {
                slowestReturnNs = max(slowestReturnNs, reactor.nowNs - startNs)
                return
            }
            await reactor.sleep(forNs: 10 * nsPerMs)
        }
        if !lab.isStopping {
            problems.append("\(name) did not serve within \(Self.recoveryMs / 1_000) s of its return")
        }
    }

    private func ask(_ service: Node, _ path: String) async -> Answer {
        await HTTPConnection.ask(
            HTTPRequest(path: path), at: lab.address(of: service), timeoutMs: 1_500, on: reactor)
    }

    /// Called after all faults have ended. Notes every process that is not running as a problem.
    private func noteExitedProcesses() {
        guard !lab.isStopping else { return }
        for node in lab.topology.nodes where lab.processes[node.name]?.state.pid == nil {
            problems.append("\(node.name) exited: \(lab.processes[node.name]?.state.summary ?? "never started")")
        }
    }
}

/// Keeps the check from cutting off the last replica that a service can reach: `app-ap` guarantees an answer only while
/// it can reach one.
struct ReachRule {
    let topology: Topology
    let services: [Node]
    /// By service: the replicas that the service reports as reachable.
    var usable: [String: Set<String>] = [:]
    /// Services that are paused, killed or recovering. They cannot report which replicas they reach, so any unaffected
    /// link suffices for them.
    var down: Set<String> = []

    /// True if each service has a link that none of these faults affects, to a replica that it can reach now. For
    /// services in ``down``, any unaffected link suffices.
    func holds(under faults: [CheckFault]) -> Bool {
        services.allSatisfy { service in
            topology.links.contains { link in
                link.service == service.name && !faults.contains { $0.affects(link) }
                    && (down.contains(service.name) || usable[service.name]?.contains(link.replica) == true)
            }
        }
    }
}
