import HTTP
import JSON
import Replication

/// One engine behind the endpoints that both services have.
public protocol ServiceEngine: AnyObject {
    var keyValue: any KeyValueHandler { get }

    /// True if the engine logs suspected and healed partitions itself: it knows when all that a replica missed has
    /// arrived. Otherwise they follow the circuit breakers.
    var reportsPartitions: Bool { get }

    /// Starts background work, on the reactor's thread, after the group has started to connect.
    func start()

    /// Stops background work.
    func stop()

    /// Why the service cannot serve now; nil if it can.
    func readiness(deadlineNs: UInt64) async -> StoreFailure?

    /// The problem of each replica other than its connection, by index, as of the last probe; nil if there is none.
    func replicaProblems() -> [String?]

    /// Writers of the members of each replica in `/replicas`, by index.
    func replicaReports(deadlineNs: UInt64) async -> [(inout JSONWriter) -> Void]

    /// Adds the endpoints that only this service has.
    func addRoutes(to router: Router)
}

extension ServiceEngine {
    public var reportsPartitions: Bool { false }
}
