import EventLoop
import Replication

/// The CP engine: linearizable registers over a group of independent replicas.
///
/// A read takes one round trip if a majority of all replicas reports the same accepted ballot. A change takes one round
/// trip if this engine still caches the state of the key's last change. While too few voters are available, the engine
/// rejects requests at once. A failed change reports its outcome.
///
/// This type only connects the components; each component owns its state.
public final class ConsistentEngine: ReplicaGroupDelegate {
    let configurations: ConfigurationRegister
    let repair: Repair
    private let reader: Reader
    private let queue: BatchQueue
    private let membership: MembershipService
    private let rollback: RollbackDetector
    private let backlog: RepairBacklog
    private let background: BackgroundWork

    /// Create the engine on the scheduler's thread, before the group connects.
    public init(
        group: any ReplicaGroup, scheduler: any Scheduler, settings: ConsistentSettings,
        events: (any ConsistentEvents)? = nil
    ) {
        let acceptors = AcceptorGroup(group, scheduler: scheduler, name: settings.groupName, events: events)
        let ballots = BallotGenerator(scheduler: scheduler)
        let configurations = ConfigurationRegister(acceptors, ballots: ballots)
        let backlog = RepairBacklog()
        let proposer = Proposer(
            acceptors, maxBackoffMs: settings.maxBackoffMs, ballots: ballots, configurations: configurations,
            repairs: backlog)
        let queue = BatchQueue(
            acceptors, proposer: proposer, maxPending: settings.maxPending, maxBatch: settings.maxBatch)
        let rollback = RollbackDetector(acceptors, probeTimeoutMs: settings.probes.timeoutMs)

        self.configurations = configurations
        self.backlog = backlog
        self.queue = queue
        self.rollback = rollback
        reader = Reader(acceptors, configurations: configurations, queue: queue, hedgeMs: settings.readHedgeMs)
        repair = Repair(
            acceptors, configurations: configurations, queue: queue, backlog: backlog, settings: settings)
        membership = MembershipService(
            acceptors, configurations: configurations, ballots: ballots, rollback: rollback, backlog: backlog,
            settings: settings)
        background = BackgroundWork(scheduler: scheduler, intervalMs: settings.background.intervalMs)
        group.delegate = self
    }

    // MARK: Requests

    /// - Throws: `StoreFailure` without an `outcome`, because a read changes nothing.
    public func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult { try await reader.read(request) }

    /// - Throws: `StoreFailure` with the `outcome` of the change.
    public func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult {
        let operation: Operation =
            switch request.kind {
            case .write(let value): .write(value, ttlMs: request.ttlMs, precondition: request.precondition)
            case .delete: .delete(precondition: request.precondition)
            }
        let answer = await queue.submit(operation, on: Register(key: request.key), deadlineNs: request.deadlineNs)
        let (result, acks) = try answer.get()
        switch result {
        case .applied(let version): return .applied(version: version, replicasAcked: acks)
        case .absent(let version): return .absent(version: version)
        case .preconditionFailed(let version, let exists): return .preconditionFailed(version: version, exists: exists)
        case .state: preconditionFailure("the result of a change is not a state")
        }
    }

    // MARK: Background work

    /// Starts the background work. Call this after the group has started to connect.
    public func start() {
        background.start([
            { [membership] in await membership.probeStep() },
            { [membership] in await membership.rebuildStep() },
            { [repair] in await repair.step() },
        ])
    }

    /// Ends the background work: no step starts after this call.
    public func stop() { background.stop() }

    // MARK: Readiness

    /// Why the engine cannot serve now; nil if it can. It can serve if a majority of all replicas votes and has not
    /// rejected its last write probe.
    public func checkReadiness(deadlineNs: UInt64) async -> StoreFailure? {
        await membership.checkReadiness(deadlineNs: deadlineNs)
    }

    /// The views of all replicas. The replicas are probed again if the last probe is older than
    /// ``ConsistentSettings/Probes/maxAgeMs``.
    public func replicas(deadlineNs: UInt64) async -> [ReplicaView] { await membership.refresh(deadlineNs: deadlineNs) }

    /// The view of each replica, from the last probe.
    public var views: [ReplicaView] { membership.views }

    // MARK: ReplicaGroupDelegate

    /// Admits a replica after its rollback counter was compared with the copies on its witnesses (rule C8). A replica
    /// that was rolled back has forgotten promises. It is erased first, or rejected. An admitted replica need not be a
    /// voter: each script on registers checks whether the replica is the expected member, and each read without a
    /// script returns the replica's identity.
    public func admit(replica: Int) async -> Bool { await rollback.admit(replica) }
    public func replicaDidConnect(_ replica: Int) { backlog.requestFullScan() }
    public func replicaDidDisconnect(_ replica: Int) {}
}

/// Repeats background steps at an interval until it is stopped.
final class BackgroundWork {
    private let scheduler: any Scheduler
    private let intervalNs: UInt64
    private var isRunning = false
    /// Counts the calls of ``start(_:)``. If the work is stopped and started again while a loop sleeps, the loop finds
    /// another count and ends.
    private var startCount = 0

    init(scheduler: any Scheduler, intervalMs: UInt64) {
        self.scheduler = scheduler
        intervalNs = intervalMs * nsPerMs
    }

    /// Repeats each step in a loop of its own. The pauses vary by 10%, so that instances do not work in lockstep.
    func start(_ steps: [() async -> Void]) {
        guard !isRunning else { return }
        isRunning = true
        startCount += 1
        for step in steps {
            scheduler.spawn { [weak self, scheduler, intervalNs, startCount] in
                while self?.isRunning == true, self?.startCount == startCount {
                    await step()
                    await scheduler.sleep(forNs: scheduler.random(in: intervalNs * 9 / 10...intervalNs * 11 / 10))
                }
            }
        }
    }

    func stop() { isRunning = false }
}
