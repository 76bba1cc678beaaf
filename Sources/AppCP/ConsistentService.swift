import Consistent
import HTTP
import JSON
import Replication
import Service

/// Connects the CP engine to the HTTP endpoints that both services share.
final class ConsistentService: ServiceEngine {
    let keyValue: any KeyValueHandler
    let declaration = ConsistentDeclarations.service
    let reportsPartitions = false
    private let engine: ConsistentEngine

    init(engine: ConsistentEngine) {
        keyValue = ConsistentKeyValue(store: engine)
        self.engine = engine
    }

    func start() { engine.start() }
    func stop() { engine.stop() }

    func readiness(deadlineNs: UInt64) async -> StoreFailure? { await engine.checkReadiness(deadlineNs: deadlineNs) }

    /// By replica: why it is not a member, rejects changes, or may lose acknowledged changes; nil if it has no problem.
    func replicaProblems() -> [String?] {
        engine.views.map { view in
            if let problem = view.problem { return problem }
            if let error = view.writeError { return "\(view.name) rejects writes: \(error.text)" }
            guard let faults = view.durabilityFaults, !faults.isEmpty else { return nil }
            return "\(view.name) may lose acknowledged changes: \(faults.joined(separator: "; "))"
        }
    }

    func replicaReports(deadlineNs: UInt64) async -> [(inout JSONWriter) -> Void] {
        await engine.replicas(deadlineNs: deadlineNs).map { view in { $0.members(of: view) } }
    }

    func addRoutes(to router: Router) {}
}

extension JSONWriter {
    fileprivate mutating func members(of view: ReplicaView) {
        member("role", view.role.name)
        member("incarnation", view.incarnation)
        member("epoch", view.epoch)
        member("rollback_counter", view.rollbackCounter)
        member("keys", view.keyCount)
        member("writable", view.isWritable)
        if let problem = view.problem ?? view.writeError?.text { member("problem", problem) }
        member("durable", view.durabilityFaults?.isEmpty)
        if let faults = view.durabilityFaults, !faults.isEmpty {
            member("durability", faults.joined(separator: "; "))
        }
        guard let rebuild = view.rebuild else { return }
        key("rebuild")
        beginObject()
        member("phase", rebuild.phase.rawValue)
        member("keys_compared", rebuild.keysCompared)
        member("keys_repaired", rebuild.keysRepaired)
        if let note = rebuild.note { member("note", note) }
        endObject()
    }
}
