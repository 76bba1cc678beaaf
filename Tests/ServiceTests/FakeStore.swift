import EventLoop
import Foundation
import HTTP
import Logging
import Replication
import Synchronization
import Testing
import TestSupport

@testable import Service
@testable import Telemetry

/// An engine that records its requests and returns the results that a test chose.
protocol FakeStore: AnyObject {
    init()
    static var mode: ServiceMode { get }
    var handler: any KeyValueHandler { get }
    var readCount: Int { get }
    var changeCount: Int { get }
}

typealias CPEndpoints = Endpoints<FakeConsistentStore>
typealias APEndpoints = Endpoints<FakeAvailableStore>

let maxValueBytes = 1_000

/// The key-value endpoints of one service in front of a ``FakeStore``, without sockets.
final class Endpoints<Store: FakeStore> {
    let store = Store()
    let scheduler = VirtualScheduler()
    private let router = Router()
    private let metrics: ServiceMetrics
    private let log = Log()

    init(_ further: [String: String] = [:]) throws {
        let common = ["MAX_VALUE_BYTES": "\(maxValueBytes)", "NETWORK_TIMEOUT_SEC": "2"]
        let settings = try serviceSettings(Store.mode, common.merging(further) { $1 })
        metrics = ServiceMetrics(settings)
        let logger = Logger(label: "test") { [log] _ in Log.Handler(log: log) }
        KeyValueEndpoints(
            settings: settings, scheduler: scheduler, handler: store.handler, metrics: metrics, logger: logger,
            reports: AccessReports(metrics: metrics, logger: logger, audit: nil) { 0 }, audit: nil
        ).addRoutes(to: router)
    }

    /// The metadata of each line of the log.
    var notes: [Logger.Metadata] { log.lines.withLock { $0 } }

    func shedRequests(_ operation: String) -> Double { metrics.shedRequests(operation).value }

    func refusals(_ code: StoreFailure.Code) -> Double { metrics.refusals(code).value }

    func ask(
        _ method: HTTP.Method, _ target: String, headers: [String: String] = [:], body: Bytes = [],
        trace: TraceContext? = nil
    ) async -> Response {
        await router.respond(
            to: Request(
                method: method, target: target, headers: headers.map { Header($0, $1) }, body: body,
                receivedNs: 5_000_000_000, trace: trace))
    }

    func maxBodyBytes(_ method: HTTP.Method, _ target: String) -> Int {
        router.maxBodyBytes(for: Request(method: method, target: target))
    }
}

/// Keeps the metadata of all lines.
private final class Log: Sendable {
    let lines = Mutex<[Logger.Metadata]>([])

    struct Handler: LogHandler {
        let log: Log
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { log.lines.withLock { $0.append(event.metadata ?? [:]) } }
    }
}

func expect(
    _ response: Response, _ status: Int, _ code: String, _ location: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, sourceLocation: location)
    #expect(response.contentType == "application/problem+json", sourceLocation: location)
    let members = try response.members
    #expect(text(members["code"]) == code, sourceLocation: location)
}

extension KeyRequest {
    /// A `GET` request for `key`, for tests of answers.
    static func of(_ key: Bytes, accept: String = ContentType.json) -> KeyRequest {
        KeyRequest(
            key: key, deadlineNs: .max, isSessionRequired: false,
            request: Request(method: .get, target: "/", headers: [Header("Accept", accept)]))
    }
}

extension Response {
    /// The members of a JSON object.
    var members: [String: any Sendable] {
        get throws {
            try #require(JSONSerialization.jsonObject(with: Data(body)) as? [String: any Sendable])
        }
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// One member of a JSON object as text, whatever its type; nil if it is absent.
func text(_ member: (any Sendable)?) -> String? { member.map { "\($0)" } }
