import Consistent
import HTTP
import Replication
import Service

/// The CP engine behind the shared endpoints.
final class ConsistentService: ServiceEngine {
    let keyValue: any KeyValueHandler
    private let engine: ConsistentEngine

    init(engine: ConsistentEngine) {
        keyValue = ConsistentKeyValue(store: engine)
        self.engine = engine
    }

    func start() { engine.start() }
    func stop() { engine.stop() }

    func readiness(deadlineNs: UInt64) async -> StoreFailure? { await engine.checkReadiness(deadlineNs: deadlineNs) }

    /// Replicas that do not vote, reject changes, or may lose acknowledged changes.
    func replicaProblems() -> [String?] {
        engine.views.map { view in
            if let problem = view.problem { return problem }
            if let refusal = view.refusal { return "\(view.name) rejects changes: \(refusal)" }
            guard let faults = view.durabilityFaults, !faults.isEmpty else { return nil }
            return "\(view.name) may lose acknowledged changes: \(faults.joined(separator: "; "))"
        }
    }

    func replicaReports(deadlineNs: UInt64) async -> [[ReportMember]] {
        await engine.replicas(deadlineNs: deadlineNs).map(ReplicaReport.members)
    }

    func addRoutes(to router: Router) {}
}
