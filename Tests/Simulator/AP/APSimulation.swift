import Available
import EventLoop
import Replication

/// One world with three replicas, some instances of `app-ap`, and clients that read and change a few keys. Faults begin
/// and end meanwhile. At the end all faults are healed, the system becomes idle, and the history is judged (see
/// ``APJudge``).
public final class APSimulation {
    private let options: Options
    private let keyCount: Int
    private let warmUpMs: UInt64
    private let world: World
    private let replicas: [SimulatedReplica]
    private let instances: [APInstance]
    private let planner: FaultPlanner
    private let workload: Workload
    private let judge: APJudge
    private let adversary: AdversarialClient
    private var clients: [APClient] = []
    private var report: SimulationReport<APOperation>

    /// The longest wait after the heal until all replicas have converged. Anti-entropy that lacked a peer is repeated
    /// only after 30 s.
    private static let quietLimitMs: UInt64 = 180_000
    private static let limitMs: UInt64 = 900_000
    /// When every staleness must be known, in milliseconds after the start: half a second, plus the time to connect
    /// over the slowest link.
    private static let startLimitMs: UInt64 = 550

    public init(seed: UInt64, options: Options = APProfile.mixed.options) {
        self.options = options
        let world = World(seed: seed)
        let isSyncAlways = options.engine.isSyncAlways ?? world.random.isTrue(percent: 50)
        let replicas = SimulatedReplica.group(in: world, isSyncAlways: isSyncAlways)
        let settings = options.engine.settings(&world.random)
        let judge = APJudge(world: world, replicas: replicas)
        self.world = world
        self.replicas = replicas
        self.judge = judge
        adversary = AdversarialClient(seed: seed, world: world, fail: judge.fail)
        workload = Workload(world: world, operations: options.operations)
        report = SimulationReport(seed: seed)
        keyCount = options.keys ?? (world.random.isTrue(percent: 50) ? 3 : 40)
        warmUpMs = options.faults.warmUpMs ?? (world.random.isTrue(percent: 50) ? 100 : 3_000)
        let isClockSteady = world.random.isTrue(percent: 50)
        let kinds = options.faults.kinds.filter { $0 != .clockJump || !isClockSteady }
        instances = (0..<options.instances).map { index in
            APInstance(
                index: index, world: world, replicas: replicas, near: index.isMultiple(of: 2) ? [0, 1] : [2],
                settings: settings)
        }
        planner = FaultPlanner(
            world: world, replicas: replicas, instances: instances, kinds: kinds,
            limits: options.faults.limits(in: world, aheadMs: options.engine.tombstoneGraceMs))
        for path in instances.flatMap(\.paths) {
            if let maxUs = options.links.maxLatencyMeanUs { path.latencyMeanUs = 1 + world.random.below(maxUs) }
            path.bytesPerMs = options.links.bytesPerMs
        }
        for replica in replicas { replica.watcher = judge.ledger }
        clients = (0..<options.clients).map { index in
            APClient(
                index: index, world: world, keyCount: keyCount + 1, requests: options.requests, judge: judge,
                isCalm: options.faults.kinds.isEmpty
            ) { [unowned self] in report.history.append($0) }
        }
    }

    /// Runs the world to its end, and returns what happened.
    public func run() -> SimulationReport<APOperation> {
        for client in clients {
            workload.startClient(afterMs: warmUpMs, meanPauseUs: options.requests.meanPauseUs) { [self] in
                let instance = instances[world.random.index(instances.count)]
                let key = world.random.index(keyCount)
                await client.step(key, at: instance, nextValue: workload.nextValue)
                await adversary.mayTry(key, client.contexts, client.session, at: instance)
            }
        }
        watchForOldReplicas()
        judgeStart()
        world.after((warmUpMs + 100) * nsPerMs) { [self] in planner.start(meanGapMs: options.faults.meanGapMs) }
        let end = workload.run(until: Self.limitMs, planner) { await self.serveEveryKeyAndConverge() }
        if let hung = end.hung { report.violations.append(hung) }
        judge.judgeEnd()
        report.violations += judge.violations
        report.counts.events = end.events
        report.counts.faults = planner.countsOfAllKinds
        report.counts.collected = judge.ledger.collectedCount
        report.counts.virtualMs = world.nowNs / nsPerMs
        return report
    }

    /// Checks at random intervals for replicas that were refused as too old, and empties them. A log line tells
    /// operators to do the same.
    private func watchForOldReplicas() {
        world.after(world.random.ns(us: 200_000...1_000_000)) { [self] in
            for replica in replicas
            where replica.isRunning && replica.redis.field("too_old", of: "cap:identity") != nil {
                report.counts.refusedReplicas += 1
                replica.wipe()
            }
            if !workload.isOver { watchForOldReplicas() }
        }
    }

    /// Checks that every instance knows the staleness of each replica ``startLimitMs`` after the start. There is no
    /// check if operations begin earlier.
    private func judgeStart() {
        guard warmUpMs > Self.startLimitMs else { return }
        world.after(Self.startLimitMs * nsPerMs) { [self] in
            guard let unknownStaleness else { return }
            judge.fail("\(Self.startLimitMs) ms after the start staleness is unknown: \(unknownStaleness)")
        }
    }

    // MARK: The end

    /// Checks that after the heal each instance accepts a write and serves each key, and that all replicas converge.
    private func serveEveryKeyAndConverge() async {
        for instance in instances {
            // Write a separate key: a write to one of the clients' keys would hide a lost write.
            let value = Bytes(workload.nextValue().utf8)
            if !(await clients[0].change(keyCount, .write(value), at: instance)) {
                judge.fail("instance \(instance.index) accepts no write after the heal")
            }
            for key in 0...keyCount where !(await clients[1].read(key, at: instance, isPlain: true)) {
                judge.fail("instance \(instance.index) does not serve k\(key) after the heal")
            }
        }
        let limitNs = world.nowNs + Self.quietLimitMs * nsPerMs
        while world.nowNs < limitNs, unknownStaleness != nil || !judge.isConverged { await world.sleep(250 * nsPerMs) }
        judge.judgeQuiet(unknownStaleness: unknownStaleness)
    }

    /// The first instance that does not know the staleness of a replica, with its status of this replica. Nil if there
    /// is none.
    private var unknownStaleness: String? {
        for instance in instances {
            guard let status = instance.engine.status().first(where: { $0.stalenessMs == nil }) else { continue }
            return "instance \(instance.index) of \(status)"
        }
        return nil
    }
}
