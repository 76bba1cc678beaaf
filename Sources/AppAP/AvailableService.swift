import Available
import HTTP
import JSON
import Replication
import Service

/// Connects the AP engine to the endpoints that both services share, and adds `/conflicts`.
final class AvailableService: ServiceEngine {
    let keyValue: any KeyValueHandler
    let declaration = AvailableDeclarations.service
    let reportsPartitions = true
    private let engine: AvailableEngine
    private let requestTimeoutNs: UInt64

    init(engine: AvailableEngine, requestTimeoutNs: UInt64) {
        keyValue = AvailableKeyValue(store: engine)
        self.engine = engine
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
            if let error = status.error { return "\(status.name): \(ServerError(error).summary)" }
            return status.isReachable ? nil : "\(status.name) does not answer"
        }
    }

    func replicaReports(deadlineNs: UInt64) async -> [(inout JSONWriter) -> Void] {
        engine.status().map { status in { $0.members(of: status) } }
    }

    func addRoutes(to router: Router) {
        router.add(AvailableDeclarations.conflictPage) { [self] in try await conflicts($0) }
    }

    /// The endpoint `/conflicts`. The query parameters `limit` and `after` page through the keys. A key that is not
    /// UTF-8 is shown in base64. `next` is the percent-encoded last key of a full page.
    private func conflicts(_ request: Request) async throws -> Response {
        let limit = try AvailableDeclarations.conflictLimit.integer(of: request) ?? 100
        let cursor = try request.queryBytes("after")
        let page: ConflictPage
        do throws(AvailableFailure) {
            page = try await engine.conflicts(
                after: cursor, limit: Int(limit), deadlineNs: request.receivedNs + requestTimeoutNs)
        } catch { throw Problem(error.reason) }
        return .object(capacity: 1_024) { json in
            json.member("mode", "ap")
            json.key("keys")
            json.values(page.keys)
            json.member("next", page.next.map(PercentEncoding.encode))
        }
    }
}

extension JSONWriter {
    fileprivate mutating func members(of status: AvailableReplicaStatus) {
        member("role", "replica")
        member("as_of_ms_ago", status.asOfMsAgo)
        member("problem", status.error.map { "it answers '\($0)'" })
        member("incarnation", status.incarnation)
        member("staleness_ms", status.stalenessMs)
        key("replicated_ms_ago")
        beginObject()
        for (peer, msAgo) in status.replicatedMsAgo.sorted(by: { $0.key < $1.key }) {
            dynamicKey(peer)
            if let msAgo { integer(msAgo) } else { null() }
        }
        endObject()
        key("hints")
        beginObject()
        for hints in status.hints {
            dynamicKey(hints.peer)
            beginObject()
            member("entries", hints.count)
            member("overflowed", hints.overflowed)
            member("oldest_ms", hints.oldestMs)
            endObject()
        }
        endObject()
        member("suspected", status.isSuspected)
        member("refused", status.refusal)
        member("anti_entropy_needed", status.needsAntiEntropy)
        member("last_anti_entropy_ms_ago", status.antiEntropyMsAgo)
    }
}
