import HTTP
import JSON
import Replication
import Telemetry

/// One engine behind the endpoints that both services have.
public protocol ServiceEngine: AnyObject {
    var keyValue: any KeyValueHandler { get }

    /// True if the engine logs suspected and healed partitions itself: it knows when all that a replica missed has arrived.
    /// Otherwise they follow the circuit breakers.
    var reportsPartitions: Bool { get }

    /// Starts background work, on the reactor's thread, after the group has started to connect.
    func start()

    /// Stops background work.
    func stop()

    /// Why the service cannot serve now; nil if it can.
    func readiness(deadlineNs: UInt64) async -> StoreFailure?

    /// The problem of each replica other than its connection, by index, as of the last probe; nil if there is none.
    func replicaProblems() -> [String?]

    /// The members of each replica in `/replicas`, by index.
    func replicaReports(deadlineNs: UInt64) async -> [[ReportMember]]

    /// Adds the endpoints that only this service has.
    func addRoutes(to router: Router)
}

extension ServiceEngine {
    public var reportsPartitions: Bool { false }
}

/// One member of a JSON object in `/replicas`.
public struct ReportMember {
    public enum Value {
        case text(String)
        case integer(Int64)
        case bool(Bool)
        case null
        case object([ReportMember])
    }

    public let name: String
    public let value: Value

    public init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

extension JSONWriter {
    mutating func members(_ members: [ReportMember]) {
        for member in members {
            dynamicKey(member.name)
            switch member.value {
            case .text(let text): string(text)
            case .integer(let number): integer(number)
            case .bool(let flag): bool(flag)
            case .null: null()
            case .object(let inner):
                beginObject()
                self.members(inner)
                endObject()
            }
        }
    }
}
