import HTTP
import Replication
import Telemetry

/// One engine behind the endpoints that both services have.
public protocol ServiceEngine: AnyObject {
    var keyValue: any KeyValueHandler { get }

    /// Begins background work; on the reactor's thread, once the group connects.
    func start()

    /// Ends background work.
    func stop()

    /// Why the service cannot do its job now; nil where it can.
    func readiness(deadlineNs: UInt64) async -> StoreFailure?

    /// What is wrong with each replica beside its connection, by index, as of the last look; nil where nothing is.
    func replicaTroubles() -> [String?]

    /// What it knows of each replica, by index, for one `/replicas` answer.
    func replicaReports(deadlineNs: UInt64) async -> [[ReportMember]]

    /// Endpoints that only this service has.
    func addRoutes(to router: Router)
}

extension ServiceEngine {
    public func replicaTroubles() -> [String?] { [] }
}

/// One member of a report's JSON object.
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
