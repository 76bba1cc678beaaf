import HTTP
import JSON
import Replication

/// The engine of one service, behind the endpoints that both services have.
public protocol ServiceEngine: AnyObject {
    var keyValue: any KeyValueHandler { get }

    /// The parts that this service adds to the declarations of the endpoints for operators.
    var declaration: ServiceDeclaration { get }

    /// True if the engine itself logs suspected and healed partitions, because it detects when a replica has received
    /// everything that it missed. Otherwise ``GroupMonitor`` logs them when circuit breakers change.
    var reportsPartitions: Bool { get }

    /// Starts background work, on the reactor's thread, after the group has started to connect.
    func start()

    /// Stops background work.
    func stop()

    /// Why the service cannot serve now; nil if it can.
    func readiness(deadlineNs: UInt64) async -> StoreFailure?

    /// By replica, its problem as of the last probe, apart from its connection; nil if there is none.
    func replicaProblems() -> [String?]

    /// By replica, a function that writes its members in `/replicas`.
    func replicaReports(deadlineNs: UInt64) async -> [(inout JSONWriter) -> Void]

    /// Adds the endpoints that only this service has.
    func addRoutes(to router: Router)
}

/// Handles the key-value requests of one service. ``KeyValueEndpoints`` has already checked rate, key, value, time to
/// live and query; the handler reads the header fields that only its service has.
///
/// Each call throws a ``Problem`` for a request that never reached the engine, and an ``EngineRefusal`` for one that
/// the engine rejected.
public protocol KeyValueHandler: AnyObject {
    /// The parameters that this service reads, and its responses.
    var declaration: KeyValueDeclaration { get }

    /// - Parameter maxStalenessMs: the greatest staleness of the answer, in milliseconds; nil for any.
    func read(_ request: KeyRequest, maxStalenessMs: Int64?) async throws -> Response

    /// - Parameter ttlMs: time to live in milliseconds; nil for no expiry.
    func write(_ value: Bytes, _ request: KeyRequest, ttlMs: Int64?) async throws -> Response

    func delete(_ request: KeyRequest) async throws -> Response
}

/// A key-value request without its value.
public struct KeyRequest {
    /// 1 to 512 bytes.
    public let key: Bytes
    /// The engine's deadline for the request, on the reactor's clock.
    public let deadlineNs: UInt64
    /// `require_session=true`.
    public let isSessionRequired: Bool
    let request: Request

    public func header(_ name: StaticString) -> String? { request.header(name) }

    /// True if `Accept` lists `application/octet-stream` with at least the weight of JSON. Wildcards do not count, so
    /// browsers get JSON.
    public var prefersBytes: Bool {
        guard let accepted = header("Accept").map(AcceptField.init) else { return false }
        let weight = accepted.weight(of: ContentType.octets)
        return weight > 0 && weight >= accepted.weight(of: ContentType.json)
    }
}

/// A request that the engine rejected: `failure` is counted and logged, `problem` is the response.
public struct EngineRefusal: Error {
    public let failure: StoreFailure
    public let problem: Problem

    public init(_ failure: StoreFailure, _ problem: Problem) {
        self.failure = failure
        self.problem = problem
    }
}
