import EventLoop
import Glibc

/// Puts drawn faults on a running lab and takes them away again.
///
/// Several last at once, but never two on one process. Where ``needsReachable`` is set, no fault is put on that would leave
/// a service without a replica that it can reach at that moment: there the promise of the AP service begins.
final class FaultDriver {
    /// At once, at most.
    private static let maxActive = 3
    private static let meanGapUs: UInt64 = 500_000
    private static let recoveryMs: UInt64 = 20_000

    private let lab: Lab
    private let group: GroupName
    private let needsReachable: Bool
    private var random: SeededRandom
    private let plays: TaskBundle
    private var active: [Int: CheckFault] = [:]
    private var nextId = 0
    private var disturbed: Set<String> = []
    private var disturbances: [String: Int] = [:]

    /// What was put on and when it was over again, in the order of the beginnings.
    private(set) var log: [(fault: CheckFault, startNs: UInt64, endNs: UInt64?)] = []
    private(set) var counts: [FaultKind: Int] = [:]
    /// Redis servers that were killed, and when: what they had not synced by then may be gone.
    private(set) var kills: [(replica: String, atNs: UInt64)] = []
    /// From the return of a service that was stopped or killed until it served again.
    private(set) var slowestReturnNs: UInt64 = 0
    /// Why the lab could not be brought back, and processes that ended by themselves.
    private(set) var problems: [String] = []

    init(_ lab: Lab, group: GroupName, seed: UInt64, needsReachable: Bool) {
        self.lab = lab
        self.group = group
        self.needsReachable = needsReachable
        random = SeededRandom(seed: seed, stream: 0)
        plays = TaskBundle(on: lab.reactor)
    }

    var activeCount: Int { active.count }
    private var services: [Node] { lab.topology.services.filter { $0.group == group } }
    private var reactor: Reactor { lab.reactor }

    /// Changes whenever something is done to the process of this service itself, or that is over; nil while it is so.
    func calm(_ service: String) -> Int? {
        disturbed.contains(service) ? nil : disturbances[service] ?? 0
    }

    /// Draws faults until `endNs`; returns when all are taken away and all processes serve again.
    func run(untilNs endNs: UInt64) async {
        while reactor.nowNs < endNs, !lab.isStopping {
            await reactor.sleep(forNs: random.pauseNs(meanUs: Self.meanGapUs))
            guard reactor.nowNs < endNs, !lab.isStopping, active.count < Self.maxActive else { continue }
            let fault = CheckFault.draw(&random, group: group, topology: lab.topology)
            guard await isAllowed(fault), !lab.isStopping else { continue }
            begin(fault)
        }
        // Each takes itself away, and says so where a process does not come back.
        await plays.ended()
        noteEndedProcesses()
    }

    private func isAllowed(_ fault: CheckFault) async -> Bool {
        guard fault.node == nil || !active.values.contains(where: { $0.node == fault.node }) else { return false }
        guard needsReachable else { return true }
        var rule = ReachRule(topology: lab.topology, services: services)
        for service in services { rule.usable[service.name] = await reachable(from: service) }
        // Only now, as faults may have ended while the services answered.
        rule.down = disturbed
        return rule.holds(under: Array(active.values) + [fault])
    }

    /// The replicas that a service says it can reach.
    private func reachable(from service: Node) async -> Set<String> {
        let probe = HTTPConnection(port: lab.ports[service.name] ?? 0, on: reactor)
        defer { probe.close() }
        guard
            case .answer(let answer) = await probe.ask(HTTPRequest(path: "/replicas"), timeoutMs: 1_500)
        else { return [] }
        let ids = Set(answer.replicas.filter { $0["reachable"]?.isTrue == true }.compactMap { $0["node"]?.text })
        return Set(
            lab.topology.replicas(of: group).filter { node in
                if case .replica(let id) = node.role { ids.contains(id) } else { false }
            }.map(\.name))
    }

    // MARK: One fault

    private func begin(_ fault: CheckFault) {
        nextId += 1
        let id = nextId
        active[id] = fault
        counts[fault.kind, default: 0] += 1
        let entry = log.count
        log.append((fault, monotonicNs(), nil))
        plays.add { [self] in
            await play(fault)
            active[id] = nil
            // Taken away from the links only now, together with its entry.
            putFaultsOnLinks()
            log[entry].endNs = monotonicNs()
        }
    }

    private func play(_ fault: CheckFault) async {
        guard let name = fault.node, let node = lab.topology.node(name) else {
            putFaultsOnLinks()
            return await pause(fault.durationMs)
        }
        let isService = node.isService
        if isService { disturb(name) }
        let isKill = fault.kind == .killReplica || fault.kind == .killService
        if isKill, case .replica(let id) = node.role { kills.append((id, monotonicNs())) }
        await change(isKill ? .kill : .pause, name)
        await pause(fault.durationMs)
        guard !lab.isStopping else { return }
        await change(isKill ? .start : .resume, name)
        if isService { await untilItServes(name) }
    }

    /// In small steps, so that a Ctrl-C need not wait for it.
    private func pause(_ durationMs: UInt64) async {
        let endNs = reactor.nowNs + durationMs * nsPerMs
        while reactor.nowNs < endNs, !lab.isStopping {
            await reactor.sleep(forNs: min(endNs - reactor.nowNs, 100 * nsPerMs))
        }
    }

    private func putFaultsOnLinks() {
        for (link, relay) in lab.relays where lab.topology.node(link.service)?.group == group {
            relay.apply(
                active.values.reduce(LinkFault.none) { $0.joined(with: $1.links[link] ?? .none) })
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

    /// A service that was stopped or killed counts again once it answers a read, and can reach a replica that no fault is put
    /// on. Where the check does not count that, it is enough that it runs.
    private func untilItServes(_ name: String) async {
        defer { disturbed.remove(name) }
        guard needsReachable, let service = lab.topology.node(name) else { return }
        let startNs = reactor.nowNs
        while reactor.nowNs < startNs + Self.recoveryMs * nsPerMs, !lab.isStopping {
            // What it says of its replicas may still be what it knew before it was stopped; a read asks one of them.
            let isAnswering = await answersRead(service)
            let usable = await reachable(from: service)
            let isServing = lab.topology.links.contains { link in
                link.service == name && usable.contains(link.replica) && !active.values.contains { $0.harms(link) }
            }
            if isAnswering, isServing {
                slowestReturnNs = max(slowestReturnNs, reactor.nowNs - startNs)
                return
            }
            await reactor.sleep(forNs: 10 * nsPerMs)
        }
        if !lab.isStopping { problems.append("\(name) does not serve \(Self.recoveryMs / 1_000) s after its return") }
    }

    private func answersRead(_ service: Node) async -> Bool {
        let probe = HTTPConnection(port: lab.ports[service.name] ?? 0, on: reactor)
        defer { probe.close() }
        return APAnswer.isAnswered(.read, await probe.ask(HTTPRequest(path: "/read/probe"), timeoutMs: 1_500))
    }

    /// A process that nobody killed and that is gone has crashed.
    private func noteEndedProcesses() {
        guard !lab.isStopping else { return }
        for node in lab.topology.nodes where lab.processes[node.name]?.state.pid == nil {
            problems.append("\(node.name) is gone: \(lab.processes[node.name]?.state.summary ?? "never started")")
        }
    }
}
