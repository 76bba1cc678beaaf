import EventLoop
import Replication

/// Maintains the membership of the group: probes the replicas, raises rollback counters, follows the configuration and
/// rebuilds blank replicas. Tells whether the group can serve.
final class MembershipService {
    private let acceptors: AcceptorGroup
    private let configurations: ConfigurationRegister
    private let monitor: MembershipMonitor
    private let counters: RollbackCounters
    private let rebuilder: Rebuilder
    private let backlog: RepairBacklog
    private let rollback: RollbackDetector
    private let settings: ConsistentSettings
    /// By replica: the incarnation in which it was seen as a member.
    private var knownMembers: [Bytes?]
    /// At the last probe, and as reported last.
    private var failure: (last: StoreFailure?, reported: StoreFailure?)

    init(
        _ acceptors: AcceptorGroup, configurations: ConfigurationRegister, ballots: BallotGenerator,
        rollback: RollbackDetector, backlog: RepairBacklog, settings: ConsistentSettings
    ) {
        self.acceptors = acceptors
        self.configurations = configurations
        self.backlog = backlog
        self.rollback = rollback
        self.settings = settings
        knownMembers = Array(repeating: nil, count: acceptors.replicas.replicaCount)
        monitor = MembershipMonitor(acceptors, probeTimeoutMs: settings.probes.timeoutMs)
        counters = RollbackCounters(
            acceptors, monitor: monitor, rollback: rollback, timeoutMs: settings.probes.timeoutMs)
        rebuilder = Rebuilder(
            acceptors, configurations: configurations, ballots: ballots, pageSize: settings.background.pageSize)
    }

    private var intervalNs: UInt64 { settings.background.intervalMs * nsPerMs }

    /// The reports of all replicas to the last probe.
    var views: [ReplicaView] {
        var views = monitor.views(under: configurations.current)
        for replica in views.indices {
            views[replica].rebuild = rebuilder.progress[replica]
            if views[replica].role == .unreachable, let reason = rollback.admissionFailure(of: replica) {
                views[replica].role = .notAdmitted(reason: reason)
            }
        }
        return views
    }

    // MARK: Background steps

    /// Probes the replicas and raises their counters. Without requests this is also how an instance learns that another
    /// one changed the configuration, or that the group was wiped.
    func probeStep() async {
        let scheduler = acceptors.scheduler
        await monitor.refresh(maxAgeNs: 0, deadlineNs: scheduler.nowNs + intervalNs)
        // It may have answered accepts with an error: which ones is not known (rule C11).
        if await counters.step() { backlog.requestFullScan() }
        scanForNewMembers()
        acceptors.events?.replicasProbed(views)
        await reportReadiness()
        guard let current = configurations.current else { return }
        if monitor.isDefunct(current) { configurations.invalidate(current) }
        if monitor.highestEpoch > current.epoch || current.voters != acceptors.replicas.everyReplica {
            // Without a quorum of its voters no request asks for the configuration, although it may be outdated.
            await configurations.refresh(
                completing: !configurations.hasQuorum, deadlineNs: scheduler.nowNs + intervalNs)
        }
    }

    func rebuildStep() async {
        guard acceptors.hasMajority else { return }
        _ = try? await configurations.configuration(deadlineNs: acceptors.scheduler.nowNs + 1_000 * nsPerMs)
        await rebuilder.run(views)
    }

    /// Catch-up copies the data to a new member (rule C11). Every instance requests it, because the one that promoted
    /// the replica may have crashed or missed the reply.
    private func scanForNewMembers() {
        for (replica, observation) in monitor.observations.enumerated() {
            guard let incarnation = observation?.member?.incarnation, incarnation != knownMembers[replica] else {
                continue
            }
            knownMembers[replica] = incarnation
            backlog.requestFullScan()
        }
    }

    // MARK: Readiness

    func refresh(deadlineNs: UInt64) async -> [ReplicaView] {
        await monitor.refresh(maxAgeNs: settings.probes.maxAgeMs * nsPerMs, deadlineNs: deadlineNs)
        _ = try? await configurations.configuration(deadlineNs: deadlineNs)
        return views
    }

    /// Why the engine cannot serve now; nil if a majority of the replicas reports to vote and accepts writes.
    func checkReadiness(deadlineNs: UInt64) async -> StoreFailure? {
        await readinessFailure(await refresh(deadlineNs: deadlineNs), deadlineNs: deadlineNs)
    }

    /// Reports a change that two probes in a row show: at a start, connections take a moment.
    private func reportReadiness() async {
        let found = await readinessFailure(views, deadlineNs: acceptors.scheduler.nowNs + intervalNs)
        if found == failure.last, found != failure.reported {
            failure.reported = found
            acceptors.events?.readinessChanged(found)
        }
        failure.last = found
    }

    private func readinessFailure(_ views: [ReplicaView], deadlineNs: UInt64) async -> StoreFailure? {
        guard acceptors.hasMajority else { return .noMajority }
        let voters = configurations.current?.voters ?? []
        if views.votingCount(among: voters) >= acceptors.majority {
            return views.writeFailure(among: voters, majority: acceptors.majority)
        }
        if configurations.current == nil {
            // Asked again for the reason. It may also be found by now.
            do { _ = try await configurations.configuration(deadlineNs: deadlineNs) } catch { return error }
        }
        return StoreFailure(tooFewVoters: views, majority: acceptors.majority)
    }
}
