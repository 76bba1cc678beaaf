import Consistent
import EventLoop
import HTTP
import Redis
import Replication
import Service
import Telemetry

/// The CP engine behind the endpoints that both services have.
final class ConsistentService: ServiceEngine {
    let keyValue: any KeyValueHandler
    private let engine: ConsistentEngine
    private let group: RedisReplicaGroup
    private let scheduler: any Scheduler
    private let metrics: CPMetricsSource
    private var published = ConsistentCounts()
    private var isRunning = false

    init(
        engine: ConsistentEngine, group: RedisReplicaGroup, scheduler: any Scheduler, metrics: CPMetricsSource
    ) {
        keyValue = ConsistentKeyValue(store: engine)
        self.engine = engine
        self.group = group
        self.scheduler = scheduler
        self.metrics = metrics
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

    /// Who does not vote and why, and what may lose acknowledged changes.
    func replicaTroubles() -> [String?] {
        engine.views.map { view in
            if let trouble = view.trouble { return trouble }
            if let refusal = view.refusal { return "\(view.name) refuses changes: \(refusal)" }
            guard let faults = view.durabilityFaults, !faults.isEmpty else { return nil }
            return "\(view.name) may lose what it took: \(faults.joined(separator: "; "))"
        }
    }

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
        for view in engine.views { metrics.show(view) }
    }
}
