import Consistent
import HTTP
import Replication
import Service

/// The operations of the engine that the HTTP endpoints use.
protocol ConsistentStore: AnyObject {
    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult
    func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult
}

extension ConsistentEngine: ConsistentStore {}

/// Handles the reads, writes and deletes of `app-cp`. The entity tag (ETag) of a key is its version; `If-Match` and
/// `If-None-Match` compare with it.
final class ConsistentKeyValue: KeyValueHandler {
    let declaration = ConsistentDeclarations.keyValue
    private let store: any ConsistentStore

    init(store: any ConsistentStore) { self.store = store }

    func read(_ request: KeyRequest, maxStalenessMs: Int64?) async throws -> Response {
        let precondition = try precondition(of: request, isRead: true)
        let result: ReadResult
        do throws(StoreFailure) {
            result = try await store.read(ReadRequest(key: request.key, deadlineNs: request.deadlineNs))
        } catch { throw EngineRefusal(error, Problem(error)) }
        guard let value = result.value else { return ConsistentAnswers.noSuchKey(version: result.version).response }
        switch Preconditions.verdict(precondition, onRead: result.version) {
        case .answer: return ConsistentAnswers.found(value, result, request)
        case .notModified:
            // A 304 has the header fields of the 200 (RFC 9110, sections 8.6 and 15.4.5). The HTTP server omits the
            // body.
            var response = ConsistentAnswers.found(value, result, request)
            response.status = 304
            return response
        case .failed:
            return ConsistentAnswers.preconditionFailed(
                "the current version is another one", version: result.version
            ).advising(precondition).response
        }
    }

    func write(_ value: Bytes, _ request: KeyRequest, ttlMs: Int64?) async throws -> Response {
        try await change(.write(value), request, ttlMs: ttlMs)
    }

    func delete(_ request: KeyRequest) async throws -> Response {
        try await change(.delete, request)
    }

    private func change(
        _ kind: ChangeRequest.Kind, _ request: KeyRequest, ttlMs: Int64? = nil
    ) async throws -> Response {
        var change = ChangeRequest(key: request.key, kind: kind, deadlineNs: request.deadlineNs)
        change.ttlMs = ttlMs
        change.precondition = try precondition(of: request)
        let result: ChangeResult
        do throws(StoreFailure) { result = try await store.change(change) } catch {
            throw EngineRefusal(error, Problem(error))
        }
        switch result {
        case .applied(let version, let replicasAcked):
            return ConsistentAnswers.applied(version: version, replicasAcked: replicasAcked, request)
        case .absent(let version): return ConsistentAnswers.nothingToDelete(version: version).response
        case .preconditionFailed(let version, let exists):
            let detail =
                exists ? "the current version is \(version)" : "there is no such key; If-None-Match: * creates it"
            let problem = ConsistentAnswers.preconditionFailed(detail, outcome: .notApplied, version: version)
            throw EngineRefusal(
                StoreFailure(.preconditionFailed, detail, outcome: .notApplied),
                problem.advising(change.precondition))
        }
    }

    private func precondition(of request: KeyRequest, isRead: Bool = false) throws(Problem) -> Precondition? {
        guard request.header("X-Context") == nil else {
            throw .notSupported("X-Context belongs to app-ap; here use If-Match with the ETag")
        }
        return try Preconditions.parse(
            ifMatch: request.header("If-Match"), ifNoneMatch: request.header("If-None-Match"),
            representation: !isRead ? nil : request.prefersBytes ? .bytes : .json)
    }
}

/// Builds the responses and problem documents of `app-cp`.
enum ConsistentAnswers {
    static func applied(version: UInt64, replicasAcked: Int, _ request: KeyRequest) -> Response {
        .object(headers: etag(version), capacity: 192 + request.key.count) { json in
            json.mode(.cp, key: request.key)
            json.member("version", version)
            json.applied(replicasAcked: replicasAcked)
        }
    }

    /// The answer to a read that found a value. A linearizable answer is never stale, so its staleness is always 0.
    static func found(_ value: Bytes, _ result: ReadResult, _ request: KeyRequest) -> Response {
        guard !request.prefersBytes else {
            let headers = [Header("X-Staleness-Ms", "0"), Header("X-Stale", "false"), Header("X-Conflicts", "0")]
            let etag = Preconditions.etag(result.version, .bytes)
            return Response(contentType: ContentType.octets, headers: [etag] + headers, body: value)
        }
        return .object(headers: etag(result.version), capacity: 256 + request.key.count + value.count) { json in
            json.mode(.cp, key: request.key)
            json.value(value)
            json.member("version", result.version)
            json.staleness(ms: 0, isStale: false)
            if let expiresMs = result.expiresMs { json.member("expires_ms", expiresMs) }
        }
    }

    static func noSuchKey(version: UInt64) -> Problem {
        Problem.noSuchKey.with("version", member(version)).with("staleness_ms", .integer(0)).with("stale", .bool(false))
            .with(etag(version))
    }

    static func nothingToDelete(version: UInt64) -> Problem {
        Problem.noSuchKey.with(.notApplied).with("version", member(version))
    }

    /// - Parameter outcome: the outcome of the change; nil for a read.
    static func preconditionFailed(_ detail: String, outcome: Outcome? = nil, version: UInt64) -> Problem {
        Problem(StoreFailure(.preconditionFailed, detail, outcome: outcome)).with("version", member(version))
            .with(etag(version))
    }

    static func etag(_ version: UInt64) -> [Header] { [Preconditions.etag(version, .json)] }

    private static func member(_ version: UInt64) -> Problem.Member { .integer(Int64(clamping: version)) }
}
