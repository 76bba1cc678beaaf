import Consistent
import EventLoop
import Foundation
import Linearizability
import Replication

/// One world with three acceptors, some instances of `app-cp`, and clients that read and change a few keys under
/// faults. At the end all faults are healed. Then every key must be linearizable, and every instance must serve again.
public final class CPSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        public var keys = 3
        public var faults: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .reset, .slowLink, .slowDisk, .pause, .replicaCrash,
            .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        public var meanFaultGapMs: UInt64 = 60
        /// Mean pause between two operations of a client, in microseconds.
        public var meanThinkUs: UInt64 = 1_500
        /// A world that is not done after this virtual time, in milliseconds, hangs.
        public var limitMs: UInt64 = 600_000
    }

    private let options: Options
    private let world: World
    private let replicas: [SimulatedReplica]
    private var instances: [CPInstance] = []
    private let planner: FaultPlanner
    private var report: Report
    private var started = 0
    private var busyClients = 0
    private var isOver = false
    private var lastVersion: [[UInt64]] = []
    private var nextValue = 0
    private var lastFailure: StoreFailure?

    private static let deadlineNs = 400 * nsPerMs

    public init(seed: UInt64, options: Options = CPProfile.mixed.options) {
        self.options = options
        let world = World(seed: seed)
        let lua = LuaHost()
        let replicas = (0..<3).map { SimulatedReplica(index: $0, world: world, lua: lua, isSyncAlways: true) }
        self.world = world
        self.replicas = replicas
        report = Report(seed: seed)
        planner = FaultPlanner(world: world, replicas: replicas, kinds: options.faults)
        instances = (0..<options.instances).map { index in
            CPInstance(index: index, world: world, replicas: replicas, near: index.isMultiple(of: 2) ? [0, 1] : [2])
        }
        planner.instances = instances
        let restored = RestoredIncarnations()
        planner.mayForget = { [replicas] _ in Self.allAreWhole(replicas, restored) }
        planner.mayRestore = { [replicas] replica, dump in
            guard Self.isBehind(dump, replica, of: replicas) else { return false }
            restored.byReplica[replica] = dump.field("incarnation", of: "cap:identity")
            return true
        }
        lastVersion = Array(repeating: Array(repeating: 0, count: options.keys), count: options.clients)
    }

    /// Runs the world to its end.
    public func run() -> Report {
        initialise()
        for client in 0..<options.clients { start(client) }
        planner.start(meanGapMs: options.meanFaultGapMs)
        world.spawn { await self.finish() }
        report.events = world.run(limitNs: options.limitMs * nsPerMs) { self.isOver }
        if !isOver { report.violations.append("hung: \(busyClients) clients have no answer") }
        // Including faults that never happened: what was not tried proves nothing.
        report.faults = Dictionary(uniqueKeysWithValues: Set(options.faults).map { ($0, planner.counts[$0] ?? 0) })
        report.virtualMs = world.nowNs / nsPerMs
        report.judge()
        return report
    }

    private func initialise() {
        let result = CPOperator.initialise(replicas, in: world)
        if result != .initialized { report.violations.append("init: \(result.map { "\($0)" } ?? "no end")") }
    }

    // MARK: Which memory may be lost

    /// By replica: the incarnation in the dump that it was restored from last. While it still has that incarnation, no
    /// instance has noticed the loss.
    private final class RestoredIncarnations {
        var byReplica: [Int: String] = [:]
    }

    /// One replica at a time may lose its memory: all are members now, and voters of one configuration.
    private static func allAreWhole(_ replicas: [SimulatedReplica], _ restored: RestoredIncarnations) -> Bool {
        let configurations = replicas.map { $0.redis.field("value", of: "cap:config") ?? "" }
        return Set(configurations).count == 1 && configurations[0].components(separatedBy: ":voter").count == 4
            && replicas.allSatisfy { replica in
                let incarnation = replica.redis.field("incarnation", of: "cap:identity")
                return replica.redis.field("state", of: "cap:identity") == "member"
                    && (restored.byReplica[replica.index] == nil || restored.byReplica[replica.index] != incarnation)
            }
    }

    /// A dump that every other replica can reveal: all have witnessed a later counter (rule C8 guarantees no more).
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

    private func start(_ client: Int) {
        busyClients += 1
        world.spawn { [self] in
            while started < options.operations {
                started += 1
                await step(client)
                await world.sleep(world.random.exponentialNs(meanUs: options.meanThinkUs))
            }
            busyClients -= 1
        }
    }

    private func step(_ client: Int) async {
        let instance = instances[world.random.index(instances.count)]
        let keyIndex = world.random.index(options.keys)
        nextValue += 1
        let value = "v\(nextValue)"
        let call: RegisterOperation.Call
        switch world.random.below(10) {
        case 0..<4: call = .read
        case 4..<7: call = .write(value)
        case 7: call = .delete
        case 8: call = .compareAndSet(version: lastVersion[client][keyIndex], value)
        default:
            call =
                world.random.isTrue(percent: 30)
                ? .create(value)
                : .compareAndSet(
                    version: lastVersion[world.random.index(options.clients)][keyIndex], value)
        }
        var ttlMs: Int64?
        if case .write = call, world.random.isTrue(percent: 15) { ttlMs = Int64(1 + world.random.below(40)) }
        await perform(
            call, key: "k\(keyIndex)", keyIndex: keyIndex, client: client, at: instance, ttlMs: ttlMs)
    }

    private func perform(
        _ call: RegisterOperation.Call, key: String, keyIndex: Int, client: Int, at instance: CPInstance,
        ttlMs: Int64? = nil
    ) async {
        let callNs = world.nowNs
        guard instance.isRunning else {
            // The connection is refused, and nothing was sent.
            report.history.append(
                RegisterOperation(
                    client: client, key: key, call: call, result: .notApplied, callNs: callNs, returnNs: callNs))
            return
        }
        var result: RegisterOperation.Result?
        let deadlineNs = callNs + Self.deadlineNs
        let isAnswered = await instance.run { [engine = instance.engine] in
            result = await CPRequest.run(call, key: key, on: engine, deadlineNs: deadlineNs, ttlMs: ttlMs) { [self] in
                lastFailure = $0
            }
        }
        if isAnswered, world.nowNs > deadlineNs + 20 * nsPerMs {
            report.violations.append("an answer came \((world.nowNs - deadlineNs) / nsPerMs) ms after its deadline")
        }
        let known = isAnswered ? result ?? .unknown : call == .read ? .notApplied : .unknown
        switch known {
        case .value(_, let version), .applied(let version), .absent(let version), .preconditionFailed(let version):
            lastVersion[client][keyIndex] = version
        case .notApplied, .unknown: break
        }
        report.history.append(
            RegisterOperation(
                client: client, key: key, call: call, result: known, callNs: callNs, returnNs: world.nowNs))
        if ttlMs != nil, known != .notApplied, case .write(let value) = call {
            // Clocks jump, so the value may be expired from the start.
            report.history.append(
                RegisterOperation(
                    client: client, key: key, call: .expire(value), result: .unknown, callNs: callNs,
                    returnNs: world.nowNs))
        }
    }

    // MARK: The end

    /// After all faults are healed, each instance must serve each key again.
    private func finish() async {
        while busyClients > 0 { await world.sleep(20 * nsPerMs) }
        planner.healAll()
        await world.sleep(3_000 * nsPerMs)
        for instance in instances {
            for keyIndex in 0..<options.keys {
                for _ in 0..<2 {
                    let before = report.history.count
                    nextValue += 1
                    let isRead = world.random.isTrue(percent: 50)
                    await perform(
                        isRead ? .read : .write("v\(nextValue)"), key: "k\(keyIndex)", keyIndex: keyIndex, client: 0,
                        at: instance)
                    if report.history[before].result == .unknown || report.history[before].result == .notApplied {
                        report.violations.append(
                            "instance \(instance.index) does not serve k\(keyIndex) after the heal: "
                                + (lastFailure.map { "\($0.code.rawValue), \($0.detail); " } ?? "")
                                + instance.group.links.map(\.summary).joined(separator: ", ") + "; "
                                + replicas.map(\.summary).joined(separator: ", "))
                    }
                }
            }
        }
        isOver = true
    }
}
