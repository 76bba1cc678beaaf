import Consistent
import EventLoop
import Foundation
import Linearizability
import Replication

/// One world with three acceptors, some instances of `app-cp`, and clients that read and change a few keys while there
/// are faults. At the end all faults are healed. Then the history of every key must be linearizable, and every instance
/// must serve again.
public final class CPSimulation {
    private let options: Options
    private let world: World
    private let replicas: [SimulatedReplica]
    private let instances: [CPInstance]
    private let planner: FaultPlanner
    private let workload: Workload
    private var report: SimulationReport<RegisterOperation>
    private var lastVersion: [[UInt64]]
    private var lastFailure: StoreFailure?

    private static let deadlineNs = 400 * nsPerMs
    private static let limitMs: UInt64 = 600_000

    public init(seed: UInt64, options: Options = CPProfile.mixed.options) {
        self.options = options
        let world = World(seed: seed)
        let replicas = SimulatedReplica.group(in: world)
        self.world = world
        self.replicas = replicas
        report = SimulationReport(seed: seed)
        workload = Workload(world: world, operations: options.operations)
        instances = (0..<options.instances).map { index in
            CPInstance(index: index, world: world, replicas: replicas, near: index.isMultiple(of: 2) ? [0, 1] : [2])
        }
        // By replica: the incarnation in the dump that was last restored there. While the replica still has this
        // incarnation, no instance has detected its loss of data.
        var restored: [Int: String] = [:]
        planner = FaultPlanner(
            world: world, replicas: replicas, instances: instances, kinds: options.faults,
            limits: FaultPlanner.Limits(
                mayForget: { _ in Self.allAreWhole(replicas, restored) },
                mayRestore: { replica, dump in
                    guard Self.isBehind(dump, replica, of: replicas) else { return false }
                    restored[replica] = dump.field("incarnation", of: "cap:identity")
                    return true
                }))
        lastVersion = Array(repeating: Array(repeating: 0, count: options.keys), count: options.clients)
    }

    /// Runs the world to its end, and returns what happened.
    public func run() -> SimulationReport<RegisterOperation> {
        let initialized = CPOperator.initialise(replicas, in: world)
        if initialized != .initialized {
            report.violations.append("init: \(initialized.map { "\($0)" } ?? "no end")")
        }
        for client in 0..<options.clients {
            workload.startClient(meanPauseUs: options.meanThinkUs) { await self.step(client) }
        }
        planner.start(meanGapMs: options.meanFaultGapMs)
        let end = workload.run(until: Self.limitMs, planner) { await self.serveEveryKey() }
        if let hung = end.hung { report.violations.append(hung) }
        report.counts.events = end.events
        report.counts.faults = planner.countsOfAllKinds
        report.counts.virtualMs = world.nowNs / nsPerMs
        report.judge()
        return report
    }

    // MARK: Which data may be lost

    /// True if a replica may lose its data now. Only one may at a time: all must be members, and voters of one
    /// configuration, and no restored dump may be undetected.
    private static func allAreWhole(_ replicas: [SimulatedReplica], _ restored: [Int: String]) -> Bool {
        let configurations = replicas.map { $0.redis.field("value", of: "cap:config") ?? "" }
        return Set(configurations).count == 1 && configurations[0].components(separatedBy: ":voter").count == 4
            && replicas.allSatisfy { replica in
                let incarnation = replica.redis.field("incarnation", of: "cap:identity")
                return replica.redis.field("state", of: "cap:identity") == "member"
                    && (restored[replica.index] == nil || restored[replica.index] != incarnation)
            }
    }

    /// True if every other replica stores a later rollback counter of this replica, and so reveals that the dump is
    /// old. Rule C8 guarantees detection only in this case. A dump without a counter passes, too.
    private static func isBehind(_ dump: MemoryRedis, _ replica: Int, of replicas: [SimulatedReplica]) -> Bool {
        guard let incarnation = dump.field("incarnation", of: "cap:identity"),
            let counter = dump.field("rollback_counter", of: "cap:identity").flatMap({ UInt64($0) })
        else { return true }
        return replicas.allSatisfy { other in
            other.index == replica
                || other.redis.field(incarnation, of: "cap:rollback_counters").flatMap { UInt64($0) } ?? 0 > counter
        }
    }

    // MARK: Clients

    private func step(_ client: Int) async {
        let instance = instances[world.random.index(instances.count)]
        let key = world.random.index(options.keys)
        let value = workload.nextValue()
        let call: RegisterOperation.Call
        switch world.random.below(10) {
        case 0..<4: call = .read
        case 4..<7: call = .write(value)
        case 7: call = .delete
        case 8: call = .compareAndSet(version: lastVersion[client][key], value)
        default:
            call =
                world.random.isTrue(percent: 30)
                ? .create(value)
                : .compareAndSet(version: lastVersion[world.random.index(options.clients)][key], value)
        }
        var ttlMs: Int64?
        if case .write = call, world.random.isTrue(percent: 15) { ttlMs = Int64(1 + world.random.below(40)) }
        await perform(call, key, client: client, at: instance, ttlMs: ttlMs)
    }

    /// - Returns: false if the call was not applied, or if its outcome is unknown.
    @discardableResult
    private func perform(
        _ call: RegisterOperation.Call, _ key: Int, client: Int, at instance: CPInstance, ttlMs: Int64? = nil
    ) async -> Bool {
        let callNs = world.nowNs
        let deadlineNs = callNs + Self.deadlineNs
        func operation(_ call: RegisterOperation.Call, _ result: RegisterOperation.Result) -> RegisterOperation {
            RegisterOperation(
                client: client, key: "k\(key)", call: call, result: result, callNs: callNs, returnNs: world.nowNs)
        }
        let result = await instance.result(of: call, key: "k\(key)", deadlineNs: deadlineNs, ttlMs: ttlMs) { [self] in
            lastFailure = $0
        }
        if world.nowNs > deadlineNs + 20 * nsPerMs {
            report.violations.append("an answer came \((world.nowNs - deadlineNs) / nsPerMs) ms after its deadline")
        }
        switch result {
        case .value(_, let version), .applied(let version), .absent(let version), .preconditionFailed(let version):
            lastVersion[client][key] = version
        case .notApplied, .unknown: break
        }
        let done = operation(call, result)
        report.history.append(done)
        if ttlMs != nil, result != .notApplied, case .write(let value) = call {
            // Clocks jump in this simulation, so the value may have expired from the start.
            report.history.append(operation(.expire(value), .unknown))
        }
        return done.isAnswered
    }

    /// Checks that each instance serves each key again, after all faults are healed.
    private func serveEveryKey() async {
        for instance in instances {
            for key in (0..<options.keys).flatMap({ [$0, $0] }) {
                let value = workload.nextValue()
                let call: RegisterOperation.Call = world.random.isTrue(percent: 50) ? .read : .write(value)
                if await perform(call, key, client: 0, at: instance) { continue }
                report.violations.append(
                    "instance \(instance.index) does not serve k\(key) after the heal: "
                        + (lastFailure.map { "\($0.code.rawValue), \($0.detail); " } ?? "")
                        + instance.group.links.map(\.summary).joined(separator: ", ") + "; "
                        + replicas.map(\.summary).joined(separator: ", "))
            }
        }
    }
}

extension RegisterOperation: SimulatedOperation {
    public var isAnswered: Bool { result != .unknown && result != .notApplied }

    public var resultName: String {
        switch result {
        case .value: "read"
        case .applied: "applied"
        case .absent: "absent"
        case .preconditionFailed: "precondition failed"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }
}

extension SimulationReport<RegisterOperation> {
    /// Checks that the history of every key is linearizable.
    mutating func judge() {
        for (key, verdict) in LinearizabilityChecker().check(history) {
            switch verdict {
            case .linearizable: break
            case .violation(let stuckAt):
                violations.append(
                    "key \(key) is not linearizable; stuck at "
                        + stuckAt.prefix(4).map { "\($0.call) -> \($0.result) at \($0.callNs / 1_000) us" }
                        .joined(separator: ", "))
            case .undecided: undecided.append("key \(key): the checker could not decide")
            }
        }
    }
}
