import EventLoop
import Replication

/// Maintains the membership of the group: probes the replicas, raises rollback counters, keeps the configuration up to
/// date and rebuilds blank replicas. Also determines whether the group can serve.
final class MembershipService {
    private let acceptors: AcceptorGroup
    private let configurations: ConfigurationRegister
    private let monitor: MembershipMonitor
    private let counters: RollbackCounters
    private let rebuilder: Rebuilder
    private let backlog: RepairBacklog
    private let rollback: RollbackDetector
    private let settings: ConsistentSettings
    /// By replica: its incarnation when it was last seen as a member.
    private var knownMembers: [Bytes?]
    /// Why the group cannot serve: as found by the last probe, and as last reported; nil if it can.
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

    /// The view of each replica, from the last probe.
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

    /// Probes the replicas and raises their rollback counters. Without requests, only this step detects that another
    /// instance changed the configuration, or that the group was wiped.
    func probeStep() async {
        let scheduler = acceptors.scheduler
        await monitor.refresh(maxAgeNs: 0, deadlineNs: scheduler.nowNs + intervalNs)
        // If a replica accepts writes again, scan all keys (rule C11). It may have answered accepts with errors, and no
        // list of those keys exists.
        if await counters.step() { backlog.requestFullScan() }
        scanForNewMembers()
        acceptors.events?.replicasProbed(views)
        await reportReadiness()
        guard let current = configurations.current else { return }
        if monitor.isDefunct(current) { configurations.invalidate(current) }
        if monitor.highestEpoch > current.epoch || current.voters != acceptors.replicas.everyReplica {
            // The known configuration may be outdated. If it has no quorum, requests fail early and do not ask for a
            // newer one, so this step asks.
            await configurations.refresh(
                completing: !configurations.hasQuorum, deadlineNs: scheduler.nowNs + intervalNs)
        }
    }

    func rebuildStep() async {
        guard acceptors.hasMajority else { return }
        _ = try? await configurations.configuration(deadlineNs: acceptors.scheduler.nowNs + 1_000 * nsPerMs)
        await rebuilder.run(views)
    }

    /// Requests a full scan for each new member, so that catch-up copies the data to it (rule C11). Every instance does
    /// this, because the one that promoted the replica may have crashed or missed the reply.
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

    /// Why the engine cannot serve now; nil if it can. It can serve if a majority of all replicas votes and has not
    /// rejected its last write probe.
    func checkReadiness(deadlineNs: UInt64) async -> StoreFailure? {
        await readinessFailure(await refresh(deadlineNs: deadlineNs), deadlineNs: deadlineNs)
    }

    /// Reports a change of readiness only if two probes in a row show it, because an instance that has just started is
    /// still connecting.
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
            // Ask again, to get the reason why the configuration is unknown. It may also be found now.
            do { _ = try await configurations.configuration(deadlineNs: deadlineNs) } catch { return error }
        }
        return StoreFailure(tooFewVoters: views, majority: acceptors.majority)
    }
}
