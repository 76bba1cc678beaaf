import Consistent
import EventLoop
import HTTP
import Redis
import Replication
import Service
import Telemetry

/// The CP engine behind the endpoints that both services have.
final class ConsistentService: ServiceEngine {
    private let engine: ConsistentEngine
    private let group: RedisReplicaGroup
    private let scheduler: any Scheduler
    private let metrics: CPMetricsSource
    private var published = ConsistentCounts()
    private var isRunning = false

    init(
        engine: ConsistentEngine, group: RedisReplicaGroup, scheduler: any Scheduler, metrics: CPMetricsSource
    ) {
        self.engine = engine
        self.group = group
        self.scheduler = scheduler
        self.metrics = metrics
    }

    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult { try await engine.read(request) }

    func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult {
        try await engine.change(request)
    }

    func start() {
        isRunning = true
        engine.start()
        scheduler.spawn { [weak self] in
            while let self, isRunning {
                publish()
                await scheduler.sleep(forNs: 250 * nsPerMs)
            }
        }
    }

    func stop() {
        isRunning = false
        engine.stop()
    }

    func readiness(deadlineNs: UInt64) async -> StoreFailure? { await engine.checkReadiness(deadlineNs: deadlineNs) }

    func replicaReports(deadlineNs: UInt64) async -> [[ReportMember]] {
        await engine.replicas(deadlineNs: deadlineNs).map(ReplicaReport.members)
    }

    func addRoutes(to router: Router) {}

    /// Adds what happened since the last time to the counters. A linearizable answer is never stale, from any replica: the
    /// gauge says so rather than be absent.
    private func publish() {
        let counts = engine.counts
        metrics.add(counts, since: published)
        published = counts
        for name in group.replicaNames { metrics.staleness(node: name) }
    }
}

/// Metrics that only `app-cp` has.
struct CPMetricsSource: Sendable {
    private let metrics: ServiceMetrics
    private let rounds: CounterFamily?
    private let reads: CounterFamily?
    private let outbids: CounterSeries?
    private let quorumFailures: CounterSeries?

    init(metrics: ServiceMetrics) {
        self.metrics = metrics
        let registry = metrics.registry
        rounds = try? registry.counter("cp_rounds_total", help: "Paxos rounds begun, by phase.", labels: ["phase"])
        reads = try? registry.counter(
            "cp_reads_total", help: "Reads answered in one round trip (fast) or by a full round.", labels: ["path"])
        outbids = try? registry.counter(
            "cp_outbids_total", help: "Rounds lost to a higher ballot of another instance."
        ).with()
        quorumFailures = try? registry.counter(
            "cp_quorum_failures_total", help: "Operations refused because no majority answered."
        ).with()
    }

    func add(_ counts: ConsistentCounts, since old: ConsistentCounts) {
        rounds?.with("prepare").increment(by: counts.prepares - old.prepares)
        rounds?.with("accept").increment(by: counts.accepts - old.accepts)
        reads?.with("fast").increment(by: counts.fastReads - old.fastReads)
        reads?.with("full").increment(by: counts.slowReads - old.slowReads)
        outbids?.increment(by: counts.outbids - old.outbids)
        quorumFailures?.increment(by: counts.quorumFailures - old.quorumFailures)
    }

    func staleness(node: String) { metrics.staleness(node: node).set(0) }
}
