import Available
import HTTP
import JSON
import Replication
import Service

/// The part of the engine that the endpoints use.
protocol AvailableStore: AnyObject {
    func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult
    func change(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult
}

extension AvailableEngine: AvailableStore {}

/// Reads, writes and deletes of `app-ap`. A version is a causal context, and a session token carries what a client has
/// seen.
final class AvailableKeyValue: KeyValueHandler {
    let declaration = AvailableDeclarations.keyValue
    private let store: any AvailableStore

    init(store: any AvailableStore) { self.store = store }

    func read(_ request: KeyRequest, maxStalenessMs: Int64?) async throws -> Response {
        try checkSupport(request)
        var read = ReadRequest(key: request.key, deadlineNs: request.deadlineNs, maxStalenessMs: maxStalenessMs)
        read.session = session(of: request)
        let result: ReadResult
        do throws(AvailableFailure) { result = try await store.read(read) } catch { throw EngineRefusal(error) }
        guard let value = result.value else { return AvailableAnswers.noSuchKey(result).response }
        return AvailableAnswers.found(value, result, request)
    }

    func write(_ value: Bytes, _ request: KeyRequest, ttlMs: Int64?) async throws -> Response {
        let result = try await change(.write(value), request, ttlMs: ttlMs)
        return AvailableAnswers.applied(result, request)
    }

    func delete(_ request: KeyRequest) async throws -> Response {
        let result = try await change(.delete, request)
        guard result.existed else { return AvailableAnswers.nothingToDelete(result).response }
        return AvailableAnswers.applied(result, request)
    }

    private func change(
        _ kind: ChangeRequest.Kind, _ request: KeyRequest, ttlMs: Int64? = nil
    ) async throws -> ChangeResult {
        try checkSupport(request)
        var change = ChangeRequest(key: request.key, kind: kind, deadlineNs: request.deadlineNs)
        change.ttlMs = ttlMs
        change.context = request.header("X-Context")
        change.session = session(of: request)
        do throws(AvailableFailure) { return try await store.change(change) } catch { throw EngineRefusal(error) }
    }

    private func session(of request: KeyRequest) -> SessionRequest {
        SessionRequest(token: request.header("X-Session-Token"), isRequired: request.isSessionRequired)
    }

    private func checkSupport(_ request: KeyRequest) throws(Problem) {
        guard request.header("If-Match") == nil, request.header("If-None-Match") == nil else {
            throw .notSupported("a precondition needs consensus, which app-cp has; here use X-Context")
        }
    }
}

/// The JSON answers and problem documents of `app-ap`.
enum AvailableAnswers {
    static func applied(_ result: ChangeResult, _ request: KeyRequest) -> Response {
        .object(headers: result.session.headers, capacity: 192 + request.key.count) { json in
            json.mode(.ap, key: request.key)
            json.member("version", result.version)
            json.applied(replicasAcked: result.replicasAcked)
            if let replica = result.replica { json.member("replica", replica) }
            json.conflicts(result.conflicts)
            json.key("overwritten")
            json.values(result.overwritten)
            json.session(result.session)
        }
    }

    static func found(_ value: Bytes, _ result: ReadResult, _ request: KeyRequest) -> Response {
        guard !request.prefersBytes else { return bytes(value, result) }
        return .object(
            headers: result.session.headers, capacity: 256 + request.key.count + value.count
        ) { json in
            json.mode(.ap, key: request.key)
            json.value(value)
            json.member("version", result.version)
            json.staleness(ms: result.stalenessMs, isStale: result.isStale)
            if let expiresMs = result.expiresMs { json.member("expires_ms", expiresMs) }
            if let replica = result.replica { json.member("replica", replica) }
            json.conflicts(result.conflicts)
            json.session(result.session)
        }
    }

    /// The answer to a request for raw bytes: the value as the body, all else in header fields.
    private static func bytes(_ value: Bytes, _ result: ReadResult) -> Response {
        var headers = result.session.headers
        // With conflicts, no context is sent: it would cover values that this answer does not show. A client that sends
        // it back would overwrite values that it has never seen.
        if result.version.utf8.count <= maxHeaderContextBytes, result.conflicts.isEmpty {
            headers.append(Header("X-Context", result.version))
        }
        headers.append(Header("X-Staleness-Ms", result.stalenessMs.map(String.init) ?? "unknown"))
        headers.append(Header("X-Stale", result.isStale ? "true" : "false"))
        headers.append(Header("X-Conflicts", String(result.conflicts.count)))
        if let replica = result.replica { headers.append(Header("X-Replica", replica)) }
        if let guarantee = result.session.guarantee { headers.append(Header("X-Session", guarantee)) }
        return Response(contentType: ContentType.octets, headers: headers, body: value)
    }

    /// A longer context is only in the JSON body, because clients and proxies limit the size of header fields.
    private static let maxHeaderContextBytes = 4_096

    static func noSuchKey(_ result: ReadResult) -> Problem {
        var problem = Problem.noSuchKey.with("version", .string(result.version))
            .with("staleness_ms", result.stalenessMs.map { .integer($0) } ?? .null)
            .with("stale", .bool(result.isStale)).with(result.session.headers)
        // The key has values that conflict with a newer delete. The version covers them, so the answer must show them
        // to a client that writes with it.
        if !result.conflicts.isEmpty { problem = problem.with("conflicts", .values(result.conflicts)) }
        return problem.with(result.session)
    }

    static func nothingToDelete(_ result: ChangeResult) -> Problem {
        Problem.noSuchKey.with(.notApplied).with("version", .string(result.version)).with(result.session.headers)
            .with(result.session)
    }
}

extension EngineRefusal {
    init(_ failure: AvailableFailure) {
        var problem = Problem(failure.reason)
        if let applied = failure.applied {
            problem = problem.with("replicas_acked", .integer(Int64(applied.replicasAcked)))
        }
        if let stalenessMs = failure.stalenessMs { problem = problem.with("staleness_ms", .integer(stalenessMs)) }
        if let applied = failure.applied { problem = problem.with(applied) }
        self.init(failure.reason, problem)
    }
}

extension Problem {
    /// Adds the members of an applied change, as in an answer with enough acknowledgements.
    fileprivate func with(_ applied: ChangeResult) -> Problem {
        var problem = with("version", .string(applied.version)).with(applied.session.headers)
        if !applied.conflicts.isEmpty { problem = problem.with("conflicts", .values(applied.conflicts)) }
        return problem.with("overwritten", .values(applied.overwritten)).with(applied.session)
    }

    fileprivate func with(_ session: SessionAnswer) -> Problem {
        session.guarantee.map { with("session", .string($0)) } ?? self
    }
}

extension SessionAnswer {
    fileprivate var headers: [Header] { token.map { [Header("X-Session-Token", $0)] } ?? [] }

    /// Whether the session guarantees hold, as a word. Nil if the request had no session token.
    fileprivate var guarantee: String? { isGuaranteed.map { $0 ? "guaranteed" : "not_guaranteed" } }
}

extension JSONWriter {
    fileprivate mutating func conflicts(_ values: [Bytes?]) {
        guard !values.isEmpty else { return }
        key("conflicts")
        self.values(values)
    }

    fileprivate mutating func session(_ session: SessionAnswer) {
        if let guarantee = session.guarantee { member("session", guarantee) }
    }
}
