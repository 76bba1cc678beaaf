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

/// One replica of `app-cp` in `/replicas`.
enum ReplicaReport {
    static func members(of view: ReplicaView) -> [ReportMember] {
        var members = [
            ReportMember("role", .text(view.role)),
            ReportMember("incarnation", view.incarnation.map { .text($0) } ?? .null),
            ReportMember("epoch", view.epoch.map { .integer(Int64(clamping: $0)) } ?? .null),
            ReportMember("rollback_counter", view.rollbackCounter.map { .integer(Int64(clamping: $0)) } ?? .null),
            ReportMember("keys", view.keyCount.map { .integer($0) } ?? .null),
        ]
        if let problem = view.problem { members.append(ReportMember("problem", .text(problem))) }
        if let refusal = view.refusal { members.append(ReportMember("problem", .text(refusal))) }
        members.append(ReportMember("durable", view.durabilityFaults.map { .bool($0.isEmpty) } ?? .null))
        if let faults = view.durabilityFaults, !faults.isEmpty {
            members.append(ReportMember("durability", .text(faults.joined(separator: "; "))))
        }
        if let rebuild = view.rebuild {
            var inner = [
                ReportMember("phase", .text(rebuild.phase.rawValue)),
                ReportMember("keys_compared", .integer(Int64(clamping: rebuild.keysCompared))),
                ReportMember("keys_repaired", .integer(Int64(clamping: rebuild.keysRepaired))),
            ]
            if let note = rebuild.note { inner.append(ReportMember("note", .text(note))) }
            members.append(ReportMember("rebuild", .object(inner)))
        }
        return members
    }
}
