import EventLoop
import HTTP
import Replication
import Resilience

/// `/write`, `/read` and `/delete`: the checks, metrics and log events that both services share.
final class KeyValueEndpoints {
    private let handler: any KeyValueHandler
    private let requestTimeoutNs: UInt64
    private let maxValueBytes: Int
    private var limiter: RateLimiter?
    private let onRefusal: (_ code: StoreFailure.Code) -> Void
    private let onChange: (_ key: Bytes, _ kind: ChangeKind, _ failure: StoreFailure?) -> Void

    static let maxKeyBytes = 512
    /// Ten years: a longer time to live is a mistake.
    static let maxTTLMs: Int64 = 315_360_000_000

    init(
        settings: ServiceSettings, handler: any KeyValueHandler,
        onRefusal: @escaping (_ code: StoreFailure.Code) -> Void,
        onChange: @escaping (_ key: Bytes, _ kind: ChangeKind, _ failure: StoreFailure?) -> Void
    ) {
        self.handler = handler
        requestTimeoutNs = settings.requestTimeoutNs
        maxValueBytes = settings.maxValueBytes
        limiter = settings.maxRequestsPerS.map { RateLimiter(ratePerS: UInt64($0)) }
        self.onRefusal = onRefusal
        self.onChange = onChange
    }

    /// The same on both services: asking app-cp for less than it always guarantees is no error.
    private enum Parameters {
        static let write = ["ttl_ms", "require_session"]
        static let read = ["max_staleness_ms", "require_session"]
        static let delete = ["require_session"]
    }

    func addRoutes(to router: Router) {
        router.add(
            .post, "/write/{key}", operation: "write", parameters: Parameters.write, maxBodyBytes: maxValueBytes
        ) { [self] request in
            try await write(request) { () throws(Problem) in request.body }
        }
        router.add(
            .post, "/write/{key}/{value}", operation: "write", parameters: Parameters.write,
            maxBodyBytes: maxValueBytes
        ) { [self] request in
            try await write(request) { () throws(Problem) in
                let value = try request.segment(2)
                guard value.isEmpty || request.body.isEmpty else {
                    throw Problem.badRequest(
                        "ambiguous_value",
                        "give the value in the path or in the body, not in both; a / in a key is sent as %2F")
                }
                return value.isEmpty ? request.body : value
            }
        }
        router.add(.get, "/read/{key}", operation: "read", parameters: Parameters.read) { [self] in
            try await read($0)
        }
        router.add(.delete, "/delete/{key}", operation: "delete", parameters: Parameters.delete) { [self] in
            try await delete($0)
        }
    }

    // MARK: Requests

    private func write(_ request: Request, value: () throws(Problem) -> Bytes) async throws -> Response {
        let parts: (value: Bytes, key: KeyRequest, ttlMs: Int64?)
        do {
            let value = try value()
            guard value.count <= maxValueBytes else { throw Problem.valueTooLarge(maxBytes: maxValueBytes) }
            parts = (value, try keyRequest(request), try ttl(of: request))
        } catch { throw Self.notApplied(error) }
        do {
            let response = try await handler.write(parts.value, parts.key, ttlMs: parts.ttlMs)
            onChange(parts.key.key, .write, nil)
            return response
        } catch { throw refused(error, .write, parts.key) }
    }

    private func delete(_ request: Request) async throws -> Response {
        let key: KeyRequest
        do { key = try keyRequest(request) } catch { throw Self.notApplied(error) }
        do {
            let response = try await handler.delete(key)
            onChange(key.key, .delete, nil)
            return response
        } catch { throw refused(error, .delete, key) }
    }

    private func read(_ request: Request) async throws -> Response {
        let key = try keyRequest(request)
        let maxStalenessMs = try milliseconds("max_staleness_ms", of: request, in: 0...Self.maxTTLMs)
        do {
            return try await handler.read(key, maxStalenessMs: maxStalenessMs)
        } catch let refusal as EngineRefusal {
            onRefusal(refusal.failure.code)
            throw refusal.problem
        }
    }

    private func refused(_ error: any Error, _ kind: ChangeKind, _ request: KeyRequest) -> any Error {
        guard let refusal = error as? EngineRefusal else { return Self.notApplied(error) }
        onRefusal(refusal.failure.code)
        onChange(request.key, kind, refusal.failure)
        return refusal.problem
    }

    /// A change that never reached the engine was not applied, and its answer says so.
    private static func notApplied(_ error: any Error) -> any Error {
        guard let problem = error as? Problem else { return error }
        return problem.with(.notApplied)
    }

    // MARK: Parts of a request

    private func keyRequest(_ request: Request) throws(Problem) -> KeyRequest {
        guard limiter?.take(atNs: request.receivedNs) ?? true else { throw Problem.rateLimited }
        return KeyRequest(
            key: try key(of: request), deadlineNs: request.receivedNs + requestTimeoutNs,
            isSessionRequired: try isSessionRequired(by: request), request: request)
    }

    private func isSessionRequired(by request: Request) throws(Problem) -> Bool {
        switch try request.query("require_session") {
        case nil, "false": return false
        case "true": return true
        default: throw Problem.badRequest("bad_require_session", "require_session must be true or false")
        }
    }

    private func key(of request: Request) throws(Problem) -> Bytes {
        let key: Bytes
        do throws(Problem) { key = try request.segment(1) } catch {
            throw Problem.badRequest("bad_key", "the key is not valid percent-encoding")
        }
        guard (1...Self.maxKeyBytes).contains(key.count) else {
            let problem = key.isEmpty ? "empty" : "\(key.count) bytes long"
            throw Problem.badRequest("bad_key", "a key has 1 to \(Self.maxKeyBytes) bytes; this one is \(problem)")
        }
        return key
    }

    private func ttl(of request: Request) throws(Problem) -> Int64? {
        try milliseconds("ttl_ms", of: request, in: 1...Self.maxTTLMs)
    }

    private func milliseconds(
        _ name: String, of request: Request, in range: ClosedRange<Int64>
    ) throws(Problem) -> Int64? {
        guard let text = try request.query(name) else { return nil }
        guard let number = Int64(decimal: Array(text.utf8)), range.contains(number) else {
            throw Problem.badRequest(
                "bad_\(name)", "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
