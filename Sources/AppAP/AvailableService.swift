import Available
import HTTP
import JSON
import Replication
import Service

/// The AP engine behind the shared endpoints, and `/conflicts`.
final class AvailableService: ServiceEngine {
    let keyValue: any KeyValueHandler
    let reportsPartitions = true
    private let engine: AvailableEngine
    /// Kept here: the engine does not keep its observer alive.
    private let reporter: APReporter
    private let requestTimeoutNs: UInt64

    init(engine: AvailableEngine, reporter: APReporter, requestTimeoutNs: UInt64) {
        keyValue = AvailableKeyValue(store: engine)
        self.engine = engine
        self.reporter = reporter
        self.requestTimeoutNs = requestTimeoutNs
    }

    func start() { engine.start() }

    func stop() { engine.stop() }

    func readiness(deadlineNs: UInt64) async -> StoreFailure? {
        guard !engine.status().contains(where: \.isReachable) else { return nil }
        return StoreFailure(.noReplica, "no replica can be reached")
    }

    func replicaProblems() -> [String?] {
        engine.status().map { status in
            if let refusal = status.refusal { return "\(status.name) is not used: \(refusal)" }
            return status.error.map { "\(status.name) answers '\($0)'" }
        }
    }

    func replicaReports(deadlineNs: UInt64) async -> [[ReportMember]] { engine.status().map(Self.report) }

    private static func report(_ status: AvailableReplicaStatus) -> [ReportMember] {
        let replicated = status.replicatedMsAgo.sorted { $0.key < $1.key }
            .map { ReportMember($0.key, .optional($0.value)) }
        let hints = status.hints.map { hints in
            ReportMember(
                hints.peer,
                .object([
                    ReportMember("entries", .integer(Int64(hints.count))),
                    ReportMember("overflowed", .integer(Int64(hints.overflowed))),
                    ReportMember("oldest_ms", .optional(hints.oldestMs)),
                ]))
        }
        return [
            ReportMember("role", .text("replica")),
            ReportMember("as_of_ms_ago", .optional(status.asOfMsAgo)),
            ReportMember("problem", status.error.map { .text("it answers '\($0)'") } ?? .null),
            ReportMember("incarnation", status.incarnation.map { .text($0) } ?? .null),
            ReportMember("staleness_ms", .optional(status.stalenessMs)),
            ReportMember("replicated_ms_ago", .object(replicated)),
            ReportMember("hints", .object(hints)),
            ReportMember("suspected", .bool(status.isSuspected)),
            ReportMember("refused", status.refusal.map { .text($0) } ?? .null),
            ReportMember("anti_entropy_needed", .bool(status.needsAntiEntropy)),
            ReportMember("last_anti_entropy_ms_ago", .optional(status.antiEntropyMsAgo)),
        ]
    }

    func addRoutes(to router: Router) {
        router.add(.get, "/conflicts", operation: "conflicts", parameters: ["limit", "after"]) { [self] in
            try await conflicts($0)
        }
    }

    /// `limit` and `after` page through the keys. A key that is not UTF-8 is in base64; `next` is the percent-encoded last key of a
    /// full page.
    private func conflicts(_ request: Request) async throws -> Response {
        var limit = 100
        if let text = try request.query("limit") {
            guard let number = Int(text), (1...1_000).contains(number) else {
                throw Problem.badRequest("bad_limit", "limit must be a whole number from 1 to 1000")
            }
            limit = number
        }
        let cursor = try request.queryBytes("after")
        let page: ConflictPage
        do throws(AvailableFailure) {
            page = try await engine.conflicts(
                after: cursor, limit: limit, deadlineNs: request.receivedNs + requestTimeoutNs)
        } catch { throw Problem(error.reason) }
        var json = JSONWriter(capacity: 1_024)
        json.beginObject()
        json.member("mode", "ap")
        json.key("keys")
        json.beginArray()
        for key in page.keys { json.text(orBase64: key) }
        json.endArray()
        if let next = page.next {
            json.member("next", PercentEncoding.encode(next))
        } else {
            json.nullMember("next")
        }
        json.endObject()
        return .json(json)
    }
}

extension ReportMember.Value {
    fileprivate static func optional(_ number: Int64?) -> ReportMember.Value { number.map { .integer($0) } ?? .null }
}
