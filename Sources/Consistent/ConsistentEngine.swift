import EventLoop
import Replication

/// The CP engine: linearizable registers over a group of independent replicas.
///
/// Reads take one round trip where nothing is under way, repeated writes of a key as well. Without a majority it refuses at
/// once, and says exactly what became of a change.
public final class ConsistentEngine: ReplicaGroupDelegate {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let settings: ConsistentSettings
    let proposer: Proposer
    private let watch: MemberWatch
    private let rebuilder: Rebuilder
    private let upkeep: Upkeep
    private var isRunning = false
    private var fastReads: UInt64 = 0
    private var slowReads: UInt64 = 0
    private var reader: (configuration: GroupConfiguration, read: FastRead)?

    /// To be made on the scheduler's thread, before the group connects.
    public init(group: any ReplicaGroup, scheduler: any Scheduler, settings: ConsistentSettings) {
        self.group = group
        self.scheduler = scheduler
        self.settings = settings
        proposer = Proposer(group: group, scheduler: scheduler, settings: settings)
        let groupName = Bytes(settings.groupName.utf8)
        watch = MemberWatch(
            group: group, scheduler: scheduler, groupName: groupName, lookTimeoutMs: settings.lookTimeoutMs)
        rebuilder = Rebuilder(
            group: group, scheduler: scheduler, groupName: groupName, proposer: proposer, pageSize: settings.pageSize)
        upkeep = Upkeep(
            group: group, scheduler: scheduler, groupName: groupName, proposer: proposer, settings: settings)
        proposer.needsUpkeep = { [weak upkeep] in upkeep?.note($0) }
        group.identityCheck = MemberCommands.identityGuard
        group.delegate = self
    }

    /// What this engine has done since it started.
    public var counts: ConsistentCounts {
        var counts = proposer.counts
        counts.fastReads = fastReads
        counts.slowReads = slowReads
        counts.caughtUp = upkeep.counts.caughtUp
        counts.collected = upkeep.counts.collected
        counts.erasedReplicas = watch.erased
        counts.rebuiltReplicas = rebuilder.completed
        return counts
    }

    // MARK: Requests

    /// - Throws: ``StoreFailure`` without an `outcome`.
    public func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult {
        let register = Register(key: request.key)
        guard group.available.count >= proposer.quorum else {
            proposer.countQuorumFailure()
            throw Proposer.noQuorum(outcome: nil)
        }
        if let configuration = proposer.configurations.current {
            let hedgeNs = settings.readHedgeMs * nsPerMs
            let read = fastRead(under: configuration)
            if let state = try await read.run(register, hedgeNs: hedgeNs, deadlineNs: request.deadlineNs),
                !state.isExpired(atMs: scheduler.wallClockMs)
            {
                fastReads += 1
                return Self.result(of: state)
            }
        }
        slowReads += 1
        switch await proposer.submit(.read, on: register, deadlineNs: request.deadlineNs) {
        case .success((.state(let state), _)): return Self.result(of: state)
        case .success: throw StoreFailure(.badReply, "a read came to something else than a state")
        case .failure(let failure): throw StoreFailure(failure.code, failure.detail)
        }
    }

    /// - Throws: ``StoreFailure`` with an `outcome`.
    public func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult {
        let operation: Operation =
            switch request.kind {
            case .write(let value): .write(value, ttlMs: request.ttlMs, precondition: request.precondition)
            case .delete: .delete(precondition: request.precondition)
            }
        let answer = await proposer.submit(operation, on: Register(key: request.key), deadlineNs: request.deadlineNs)
        let (result, acks) = try answer.get()
        switch result {
        case .applied(let version): return .applied(version: version, replicasAcked: acks)
        case .absent(let version): return .absent(version: version)
        case .preconditionFailed(let version, let exists):
            return .preconditionFailed(version: version, exists: exists)
        case .state:
            throw StoreFailure(.badReply, "a change came to something else than a result", outcome: .unknown)
        }
    }

    private func fastRead(under configuration: GroupConfiguration) -> FastRead {
        if let reader, reader.configuration == configuration { return reader.read }
        let read = FastRead(
            group: group, scheduler: scheduler, configuration: configuration, groupName: settings.groupName,
            quorum: proposer.quorum)
        reader = (configuration, read)
        return read
    }

    private static func result(of state: RegisterState) -> ReadResult {
        ReadResult(
            value: state.isDeleted ? nil : state.value, version: state.version, expiresMs: state.expiresMs)
    }

    // MARK: Background work

    /// Begins to look after the members: to be called once the group connects.
    public func start() {
        guard !isRunning else { return }
        isRunning = true
        every { await $0.lookAfterMembers() }
        every { await $0.rebuild() }
        every { await $0.upkeep.run() }
    }

    /// Repeats `body` with a pause of the interval, give or take a tenth, so that instances do not keep step.
    private func every(_ body: @escaping (ConsistentEngine) async -> Void) {
        scheduler.spawn { [weak self, scheduler, settings] in
            let intervalNs = settings.upkeepIntervalMs * nsPerMs
            while true {
                guard let engine = self, engine.isRunning else { return }
                await body(engine)
                await scheduler.sleep(forNs: scheduler.random(in: intervalNs * 9 / 10...intervalNs * 11 / 10))
            }
        }
    }

    /// Ends the background work at its next step.
    public func stop() { isRunning = false }

    private func lookAfterMembers() async {
        let nowNs = scheduler.nowNs
        await watch.refresh(maxAgeNs: 0, deadlineNs: nowNs + settings.upkeepIntervalMs * nsPerMs)
        await watch.beat()
        guard let current = proposer.configurations.current else { return }
        // Without requests nothing would tell that this group is no more, or that another instance has changed the members.
        if watch.isOver(current) { proposer.configurations.contradict(current) }
        let isSuperseded = watch.highestEpoch > current.epoch
        if isSuperseded || current.counted != group.everyReplica {
            _ = await proposer.configurations.peek(deadlineNs: scheduler.nowNs + settings.upkeepIntervalMs * nsPerMs)
        }
    }

    private func rebuild() async {
        guard group.available.count >= proposer.quorum else { return }
        _ = try? await proposer.configurations.configuration(deadlineNs: scheduler.nowNs + 1_000 * nsPerMs)
        // Its data is filled by catch-up.
        if await rebuilder.run(views) { upkeep.wantWalk() }
    }

    // MARK: Readiness

    /// Why the engine cannot serve now; nil where a majority of the replicas says itself that it votes.
    public func checkReadiness(deadlineNs: UInt64) async -> StoreFailure? {
        let views = await replicas(deadlineNs: deadlineNs)
        guard group.available.count >= proposer.quorum else { return Proposer.noQuorum(outcome: nil) }
        let counted = proposer.configurations.current?.counted ?? []
        var voting = 0
        for (replica, view) in views.enumerated() where view.standing == .member && counted.contains(replica) {
            voting += 1
        }
        if voting >= proposer.quorum { return nil }
        // Asked for its words only: it may also say that the configuration is known again by now.
        if proposer.configurations.current == nil {
            do { _ = try await proposer.configurations.configuration(deadlineNs: deadlineNs) } catch { return error }
        }
        let blank = views.count { $0.standing == .blank }
        let rebuilding = views.count { $0.standing == .rebuilding }
        let code: StoreFailure.Code =
            blank >= proposer.quorum ? .replicasBlank : blank + rebuilding > 0 ? .rebuilding : .noQuorum
        let troubles = views.compactMap(\.trouble).joined(separator: ", ")
        return StoreFailure(code, "too few replicas can vote: \(troubles)")
    }

    /// What each replica says of itself, asked at most ``ConsistentSettings/maxViewAgeMs`` ago.
    public func replicas(deadlineNs: UInt64) async -> [ReplicaView] {
        await watch.refresh(maxAgeNs: settings.maxViewAgeMs * nsPerMs, deadlineNs: deadlineNs)
        _ = try? await proposer.configurations.configuration(deadlineNs: deadlineNs)
        return views
    }

    /// The same as of the last look.
    public var views: [ReplicaView] {
        var views = watch.views(under: proposer.configurations.current)
        for replica in views.indices { views[replica].rebuild = rebuilder.progress[replica] }
        return views
    }

    // MARK: ReplicaGroupDelegate

    /// A replica is let in once it is known to remember what it promised; who may vote is in every reply, and checked there
    /// (rule C8).
    public func admit(replica: Int) async -> Bool { await watch.admit(replica) }
    public func replicaDidConnect(_ replica: Int) { upkeep.wantWalk() }
    public func replicaDidDisconnect(_ replica: Int) {}
}
