import Consistent
import Logging
import Replication
import Service
import Telemetry

/// Updates metrics and writes log events of `app-cp` when the engine reports its events.
final class ConsistentMetrics: ConsistentEvents, Sendable {
    private let staleness: GaugeFamily
    private let isRefused: GaugeFamily
    private let prepares: CounterSeries
    private let accepts: CounterSeries
    private let fastReads: CounterSeries
    private let fullReads: CounterSeries
    private let preemptions: CounterSeries
    private let quorumFailures: CounterSeries
    private let repairedKeys: CounterSeries
    private let collectedTombstones: CounterSeries
    private let rolledBackReplicas: CounterSeries
    private let rebuiltReplicas: CounterSeries
    private let isVoter: GaugeFamily
    private let isWritable: GaugeFamily
    private let isDurable: GaugeFamily
    private let rebuildKeys: GaugeFamily
    private let names: [String]
    private let logger: Logger

    init(_ metrics: ServiceMetrics, names: [String], logger: Logger) {
        self.names = names
        self.logger = logger
        staleness = metrics.staleness
        isRefused = metrics.replicaRefused
        let registry = metrics.registry
        let rounds = registry.counter(
            "cp_rounds_total", help: "Paxos rounds started, by phase.", labels: ["phase"])
        prepares = rounds.with("prepare")
        accepts = rounds.with("accept")
        let reads = registry.counter(
            "cp_reads_total", help: "Reads answered in one round trip (fast) or by a full round.", labels: ["path"])
        fastReads = reads.with("fast")
        fullReads = reads.with("full")
        preemptions = registry.counter(
            "cp_preemptions_total", help: "Rounds that failed because of a higher ballot of another instance."
        ).with()
        quorumFailures = registry.counter(
            "cp_quorum_failures_total", help: "Operations that failed with the code no_quorum."
        ).with()
        repairedKeys = registry.counter(
            "cp_repaired_keys_total", help: "Keys that catch-up copied to every voter that had reported an older state."
        ).with()
        collectedTombstones = registry.counter(
            "cp_tombstones_collected_total", help: "Tombstones that every voter removed."
        ).with()
        rolledBackReplicas = registry.counter(
            "cp_rolled_back_replicas_total", help: "Replicas that this instance found rolled back and erased."
        ).with()
        rebuiltReplicas = registry.counter(
            "cp_rebuilt_replicas_total", help: "Blank replicas that this instance made members."
        ).with()
        isVoter = registry.gauge(
            "cp_replica_voter", help: "1 if a replica reports to be a member of this group, else 0.", labels: ["node"])
        isWritable = registry.gauge(
            "cp_replica_writable", help: "1 if a replica applied this instance's last write probe, else 0.",
            labels: ["node"])
        isDurable = registry.gauge(
            "cp_replica_durable", help: "1 if a replica's settings keep every acknowledged change, else 0.",
            labels: ["node"])
        rebuildKeys = registry.gauge(
            "cp_rebuild_keys", help: "Keys compared so far by this instance's rebuild of a replica.", labels: ["node"])
    }

    func readStarted(inOneRoundTrip: Bool) { (inOneRoundTrip ? fastReads : fullReads).increment() }

    func phaseStarted(_ phase: PaxosPhase) {
        switch phase {
        case .prepare: prepares.increment()
        case .accept: accepts.increment()
        }
    }

    func roundPreempted() { preemptions.increment() }
    func quorumUnavailable() { quorumFailures.increment() }
    func keyRepaired() { repairedKeys.increment() }
    func tombstoneCollected() { collectedTombstones.increment() }
    func replicaRolledBack(_ replica: Int) { rolledBackReplicas.increment() }
    func replicaRebuilt(_ replica: Int) { rebuiltReplicas.increment() }

    func writesRejected(by replica: Int, reason: String?) {
        let node = Logger.MetadataValue.string(names[replica])
        if let reason {
            logger.event(
                .replicaNotWritable, .warning, "a replica rejects writes", ["node": node, "reason": .string(reason)])
        } else {
            logger.event(.replicaWritable, .notice, "the replica accepts writes again", ["node": node])
        }
    }

    func readinessChanged(_ failure: StoreFailure?) {
        guard let failure else { return logger.event(.serviceReady, .notice, "requests are served") }
        logger.event(
            .serviceNotReady, .error, "requests are refused",
            ["code": .string(failure.code.rawValue), "detail": .string(failure.detail)])
    }

    func replicasProbed(_ views: [ReplicaView]) {
        for view in views {
            // A linearizable answer is never stale, so this gauge is always 0. It exists so that both services have the
            // same metric.
            staleness.with(view.name).set(0)
            isRefused.with(view.name).set(view.role.isRefusal ? 1 : 0)
            isVoter.with(view.name).set(view.role == .member ? 1 : 0)
            isWritable.with(view.name).set(view.isWritable ? 1 : 0)
            isDurable.with(view.name).set(view.durabilityFaults?.isEmpty == true ? 1 : 0)
            rebuildKeys.with(view.name).set(Double(view.rebuild?.keysCompared ?? 0))
        }
    }
}

extension ReplicaView.Role {
    /// True if the replica answers, but may stay unused until an operator acts.
    fileprivate var isRefusal: Bool {
        switch self {
        case .notAdmitted, .occupied, .foreign, .replaced: true
        case .unreachable, .unclear, .blank, .rebuilding, .member: false
        }
    }
}
