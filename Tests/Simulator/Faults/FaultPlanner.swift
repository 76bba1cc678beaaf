import EventLoop

/// The faults of a simulated world.
public enum FaultKind: String, CaseIterable, Sendable {
    /// An instance and a replica cannot reach each other.
    case cut
    /// Commands of an instance do not arrive at a replica until the fault ends.
    case cutThere = "cut there"
    /// Replies of a replica do not arrive at an instance until the fault ends.
    case cutBack = "cut back"
    /// An instance and a replica are cut off from each other several times, each time for up to 60 ms.
    case flapping
    /// An instance cannot reach two replicas, or cannot reach any.
    case isolated
    /// No instance can reach a replica for up to 8 s; the replica keeps running.
    case away
    /// A replica is down for up to 8 s.
    case down
    /// An instance gets no answers from two replicas, but those of the third. The two are always the same for one
    /// instance.
    case deaf
    /// The memory of a replica is full.
    case full
    /// The memory of every replica is full.
    case allFull = "all full"
    /// A connection breaks. Commands without a reply may have been run or not.
    case reset
    case slowLink = "slow link"
    case slowDisk = "slow disk"
    /// A replica answers, but rejects writes.
    case writeRefusal = "write refusal"
    /// A replica gets `SIGSTOP`, and later `SIGCONT`.
    case pause
    /// A replica is killed with `kill -9`, and started later.
    case replicaCrash = "replica crash"
    /// An instance is killed with `kill -9`, and started later.
    case instanceCrash = "instance crash"
    case scriptFlush = "script flush"
    /// The wall clock of a replica or an instance jumps.
    case clockJump = "clock jump"
    /// The clocks of all replicas are far ahead for a while.
    case clocksAhead = "clocks ahead"
    /// A replica's clock is more than a year ahead for a while.
    case clockFar = "clock far"
    /// An operator runs `FLUSHALL` on a replica, or replaces it with a blank server.
    case wipe
    /// A replica is stopped, gets an old dump, and is started.
    case restore
}

/// Starts faults at random times, several of which may overlap. Each fault that lasts ends after a random time.
final class FaultPlanner {
    private let world: World
    private let replicas: [SimulatedReplica]
    private let instances: [any SimulatedInstance]
    private let kinds: [FaultKind]
    private let limits: Limits
    private var isStopped = false
    private var undo: [UInt64: () -> Void] = [:]
    private var nextUndo: UInt64 = 0
    private var dumps: [Int: [MemoryRedis]] = [:]
    private var isAhead = false
    /// Instances that currently get no answers from two replicas.
    private var deaf: Set<Int> = []
    private(set) var counts: [FaultKind: Int] = [:]

    /// The limits of the faults in a world.
    struct Limits {
        /// Returns true if this replica may lose its data now.
        var mayForget: (Int) -> Bool
        /// Returns true if this replica may be restored from this dump now.
        var mayRestore: (Int, MemoryRedis) -> Bool
        /// The largest offset of a replica's clock after a jump, in milliseconds; nil for no limit.
        var maxSkewMs: Int64?
        /// The smallest offset of the clocks during `clocksAhead`, in milliseconds.
        var aheadMs: Int64 = 0
        /// The longest time for which `cutThere` holds the commands of an instance, in milliseconds.
        var maxHoldMs: UInt64 = 700
    }

    init(
        world: World, replicas: [SimulatedReplica], instances: [any SimulatedInstance], kinds: [FaultKind],
        limits: Limits
    ) {
        self.world = world
        self.replicas = replicas
        self.instances = instances
        self.kinds = kinds
        self.limits = limits
    }

    /// How often each kind of this planner's faults happened, with 0 for a kind that never happened.
    var countsOfAllKinds: [FaultKind: Int] {
        Dictionary(uniqueKeysWithValues: Set(kinds).map { ($0, counts[$0] ?? 0) })
    }

    /// Starts to inject faults.
    /// - Parameter meanGapMs: about the mean time between the starts of two faults.
    func start(meanGapMs: UInt64) {
        guard !kinds.isEmpty else { return }
        world.after(world.random.exponentialNs(meanUs: meanGapMs * 1_000)) { [self] in
            guard !isStopped else { return }
            if kinds.contains(.restore) { takeDump() }
            begin(kinds[world.random.index(kinds.count)])
            start(meanGapMs: meanGapMs)
        }
    }

    /// Ends all faults, and starts no new ones.
    func healAll() {
        isStopped = true
        for key in undo.keys.sorted() { undo[key]?() }
        undo.removeAll()
    }

    private func forAWhile(_ kind: FaultKind, maxMs: UInt64 = 700, _ end: @escaping () -> Void) {
        counts[kind, default: 0] += 1
        let number = nextUndo
        nextUndo += 1
        undo[number] = end
        world.after(world.random.ns(us: 1_000...(maxMs * 1_000))) { [self] in
            undo.removeValue(forKey: number)?()
        }
    }

    private static let farUs: Int64 = 400 * 86_400_000_000

    private func anyPath() -> NetworkPath {
        let paths = anyInstance().paths
        return paths[world.random.index(paths.count)]
    }

    private func anyInstance() -> any SimulatedInstance { instances[world.random.index(instances.count)] }

    private func begin(_ kind: FaultKind) {
        switch kind {
        case .cut:
            cut([anyPath()], kind)
        case .cutThere:
            let path = anyPath()
            path.cut([.there])
            forAWhile(kind, maxMs: limits.maxHoldMs) { path.heal([.there]) }
        case .cutBack:
            let path = anyPath()
            path.cut([.back])
            forAWhile(kind) { path.heal([.back]) }
        case .deaf:
            let number = world.random.index(instances.count)
            guard deaf.insert(number).inserted else { return }
            let paths = instances[number].paths
            let answering = number % paths.count
            let silent = paths.indices.filter { $0 != answering }.map { paths[$0] }
            for path in silent { path.cut([.back]) }
            // End before the instance closes the connections. Then the late answers arrive and raise the measured
            // latencies.
            forAWhile(kind, maxMs: 450) { [self] in
                for path in silent { path.heal([.back]) }
                deaf.remove(number)
            }
        case .full: fill([anyReplica()], kind)
        case .allFull: fill(replicas, kind)
        case .flapping: flap(anyPath(), times: 2 + world.random.index(6))
        case .isolated:
            var paths = anyInstance().paths
            if world.random.isTrue(percent: 50) { paths.remove(at: world.random.index(paths.count)) }
            cut(paths, kind)
        case .reset:
            let links = anyInstance().group.links
            links[world.random.index(links.count)].reset()
            counts[kind, default: 0] += 1
        case .away:
            let place = world.random.index(replicas.count)
            let paths = instances.map { $0.paths[place] }
            cut(paths, kind, maxMs: 8_000)
        case .down:
            let replica = anyReplica()
            guard replica.isRunning else { return }
            replica.crash()
            forAWhile(kind, maxMs: 8_000) { replica.start() }
        case .slowLink:
            let path = anyPath()
            path.latencyMeanUs = 1_000 + world.random.below(40_000)
            forAWhile(kind) { path.latencyMeanUs = NetworkPath.usualLatencyMeanUs }
        case .slowDisk:
            let replica = anyReplica()
            replica.fsyncMeanUs = 1_000 + world.random.below(60_000)
            forAWhile(kind) { replica.fsyncMeanUs = SimulatedReplica.usualFsyncMeanUs }
        case .writeRefusal:
            let replica = anyReplica()
            replica.redis.rejectsWrites = true
            forAWhile(kind, maxMs: 3_000) { replica.redis.rejectsWrites = false }
        case .pause:
            let replica = anyReplica()
            replica.pause()
            forAWhile(kind, maxMs: 1_500) { replica.resume() }
        case .replicaCrash:
            let replica = anyReplica()
            guard replica.isRunning else { return }
            replica.crash()
            forAWhile(kind) { replica.start() }
        case .instanceCrash:
            let instance = anyInstance()
            guard instance.isRunning else { return }
            instance.crash()
            forAWhile(kind, maxMs: 300) { instance.restart() }
        case .scriptFlush:
            anyReplica().flushScripts()
            counts[kind, default: 0] += 1
        case .clockJump:
            jumpAClock()
            counts[kind, default: 0] += 1
        case .clocksAhead: setClocksAhead()
        case .clockFar:
            let replica = anyReplica()
            replica.clock.skewUs += Self.farUs
            forAWhile(kind) { replica.clock.skewUs -= Self.farUs }
        case .wipe, .restore: forget(kind)
        }
    }

    private func anyReplica() -> SimulatedReplica { replicas[world.random.index(replicas.count)] }

    private func cut(_ paths: [NetworkPath], _ kind: FaultKind, maxMs: UInt64 = 700) {
        for path in paths { path.cut() }
        forAWhile(kind, maxMs: maxMs) {
            for path in paths { path.heal() }
        }
    }

    private func fill(_ filled: [SimulatedReplica], _ kind: FaultKind) {
        guard replicas.allSatisfy({ !$0.redis.isFull }) else { return }
        for replica in filled { replica.redis.isFull = true }
        forAWhile(kind, maxMs: 8_000) {
            for replica in filled { replica.redis.isFull = false }
        }
    }

    private func flap(_ path: NetworkPath, times: Int) {
        path.cut()
        forAWhile(.flapping, maxMs: 60) { [self] in
            path.heal()
            guard times > 1, !isStopped else { return }
            world.after(world.random.ns(us: 1_000...40_000)) { [self] in
                if !isStopped { flap(path, times: times - 1) }
            }
        }
    }

    private func jumpAClock() {
        if let maxSkewMs = limits.maxSkewMs {
            // Only the clocks of replicas jump. The clocks of the instances stay right, so no two clocks differ by more
            // than twice the limit.
            let width = UInt64(maxSkewMs) * 2_000
            anyReplica().clock.skewUs = Int64(world.random.below(width + 1)) - maxSkewMs * 1_000
        } else if world.random.isTrue(percent: 50) {
            let replica = anyReplica()
            replica.clock.skewUs += Int64(world.random.below(4_000_000)) - 2_000_000
        } else {
            anyInstance().process.wallClockSkewMs += Int64(world.random.below(4_000)) - 2_000
        }
    }

    /// Sets the clocks of all replicas ahead. At least one clock differs from the others: either the instances' clocks
    /// stay right, or one replica's clock is further ahead. If all clocks were wrong by the same amount, nothing could
    /// detect it.
    private func setClocksAhead() {
        guard !isAhead else { return }
        isAhead = true
        let aheadMs = limits.aheadMs
        let byMs = aheadMs + Int64(world.random.below(UInt64(aheadMs)))
        let onlyReplicas = world.random.isTrue(percent: 50)
        let farthest = onlyReplicas ? nil : anyReplica()
        let skewedInstances = onlyReplicas ? [] : instances
        func move(_ sign: Int64) {
            for replica in replicas {
                replica.clock.skewUs += sign * (byMs + (replica === farthest ? aheadMs / 4 : 0)) * 1_000
            }
            for instance in skewedInstances { instance.process.wallClockSkewMs += sign * byMs }
        }
        move(1)
        forAWhile(.clocksAhead, maxMs: 3_000) { [self] in
            move(-1)
            isAhead = false
        }
    }

    /// Dumps a replica, as an operator's backups do. Keeps the newest 31 dumps of each replica.
    private func takeDump() {
        let replica = anyReplica()
        dumps[replica.index] = [replica.dump] + (dumps[replica.index] ?? []).prefix(30)
    }

    private func forget(_ kind: FaultKind) {
        let replica = anyReplica()
        guard limits.mayForget(replica.index) else { return }
        if kind == .wipe {
            if world.random.isTrue(percent: 50) { replica.wipe() } else { replica.replace() }
        } else if let dump = dumps[replica.index]?.first(where: { limits.mayRestore(replica.index, $0) }) {
            replica.restore(dump)
        } else {
            return
        }
        counts[kind, default: 0] += 1
    }
}
