import Consistent
import Service
import Telemetry

/// Metrics that only `app-cp` has.
struct CPMetricsSource: Sendable {
    private let metrics: ServiceMetrics
    private let rounds: CounterFamily?
    private let reads: CounterFamily?
    private let outbids: CounterSeries?
    private let quorumFailures: CounterSeries?
    private let caughtUp: CounterSeries?
    private let collected: CounterSeries?
    private let erased: CounterSeries?
    private let rebuilt: CounterSeries?
    private let isMember: GaugeFamily?
    private let isDurable: GaugeFamily?
    private let rebuildKeys: GaugeFamily?

    init(metrics: ServiceMetrics) {
        self.metrics = metrics
        let registry = metrics.registry
        rounds = try? registry.counter("cp_rounds_total", help: "Paxos rounds begun, by phase.", labels: ["phase"])
        reads = try? registry.counter(
            "cp_reads_total", help: "Reads answered in one round trip (fast) or by a full round.", labels: ["path"])
        outbids = try? registry.counter(
            "cp_preemptions_total", help: "Rounds lost to a higher ballot of another instance."
        ).with()
        quorumFailures = try? registry.counter(
            "cp_quorum_failures_total", help: "Operations refused because no majority answered."
        ).with()
        caughtUp = try? registry.counter(
            "cp_repaired_keys_total", help: "Registers of which a replica was sent an accept that it had missed."
        ).with()
        collected = try? registry.counter(
            "cp_tombstones_collected_total", help: "Tombstones that all counted replicas were told to forget."
        ).with()
        erased = try? registry.counter(
            "cp_rolled_back_replicas_total", help: "Replicas that came back behind their beat and were made blank."
        ).with()
        rebuilt = try? registry.counter(
            "cp_rebuilt_replicas_total", help: "Blank replicas that this instance made members."
        ).with()
        isMember = try? registry.gauge(
            "cp_replica_voter", help: "1 where a replica says that it is a member of this group, else 0.",
            labels: ["node"])
        isDurable = try? registry.gauge(
            "cp_replica_durable",
            help: "1 where a replica's settings keep every acknowledged change, else 0.", labels: ["node"])
        rebuildKeys = try? registry.gauge(
            "cp_rebuild_keys", help: "Keys compared so far by this instance's rebuild of a replica.",
            labels: ["node"])
    }

    func add(_ counts: ConsistentCounts, since old: ConsistentCounts) {
        rounds?.with("prepare").increment(by: counts.prepares - old.prepares)
        rounds?.with("accept").increment(by: counts.accepts - old.accepts)
        reads?.with("fast").increment(by: counts.fastReads - old.fastReads)
        reads?.with("full").increment(by: counts.slowReads - old.slowReads)
        outbids?.increment(by: counts.outbids - old.outbids)
        quorumFailures?.increment(by: counts.quorumFailures - old.quorumFailures)
        caughtUp?.increment(by: counts.caughtUp - old.caughtUp)
        collected?.increment(by: counts.collected - old.collected)
        erased?.increment(by: counts.erasedReplicas - old.erasedReplicas)
        rebuilt?.increment(by: counts.rebuiltReplicas - old.rebuiltReplicas)
    }

    /// A linearizable answer is never stale, from any replica: the gauge says so rather than be absent.
    func show(_ view: ReplicaView) {
        metrics.staleness(node: view.name).set(0)
        isMember?.with(view.name).set(view.standing == .member ? 1 : 0)
        isDurable?.with(view.name).set(view.durabilityFaults?.isEmpty == true ? 1 : 0)
        rebuildKeys?.with(view.name).set(Double(view.rebuild?.keysCompared ?? 0))
    }
}
