import EventLoop
import HTTP
import Replication
import Resilience

/// `/write`, `/read` and `/delete`: the same on both services, but for what consistency allows each of them.
final class KeyValueEndpoints {
    private let mode: ServiceMode
    private let store: any ReplicatedStore
    private let requestTimeoutNs: UInt64
    private let maxValueBytes: Int
    private var limiter: RateLimiter?
    private let onRefusal: (_ code: StoreFailure.Code) -> Void
    private let onChange: (_ request: ChangeRequest, _ failure: StoreFailure?) -> Void

    static let maxKeyBytes = 512
    /// Ten years: a longer time to live is a mistake.
    static let maxTTLMs: Int64 = 315_360_000_000

    init(
        settings: ServiceSettings, store: any ReplicatedStore,
        onRefusal: @escaping (_ code: StoreFailure.Code) -> Void,
        onChange: @escaping (_ request: ChangeRequest, _ failure: StoreFailure?) -> Void
    ) {
        mode = settings.mode
        self.store = store
        requestTimeoutNs = settings.requestTimeoutNs
        maxValueBytes = settings.maxValueBytes
        limiter = settings.maxRequestsPerS.map { RateLimiter(ratePerS: UInt64($0)) }
        self.onRefusal = onRefusal
        self.onChange = onChange
    }

    /// The same on both services: what asks app-cp for less than it always gives is no error there.
    private enum Parameters {
        static let write = ["ttl_ms", "require_session"]
        static let read = ["max_staleness_ms", "require_session"]
        static let delete = ["require_session"]
    }

    func addRoutes(to router: Router) {
        router.add(
            .post, "/write/{key}", operation: "write", parameters: Parameters.write, maxBodyBytes: maxValueBytes
        ) { [self] request in
            try await knowingly { try await self.write(request, value: request.body) }
        }
        router.add(
            .post, "/write/{key}/{value}", operation: "write", parameters: Parameters.write,
            maxBodyBytes: maxValueBytes
        ) { [self] request in
            try await knowingly {
                let value = try request.segment(2)
                guard value.isEmpty || request.body.isEmpty else {
                    throw Problem.badRequest(
                        "ambiguous_value",
                        "give the value in the path or in the body, not in both; a / in a key is sent as %2F")
                }
                return try await self.write(request, value: value.isEmpty ? request.body : value)
            }
        }
        router.add(.get, "/read/{key}", operation: "read", parameters: Parameters.read) { [self] in
            try await read($0)
        }
        router.add(.delete, "/delete/{key}", operation: "delete", parameters: Parameters.delete) { [self] request in
            try await knowingly { try await self.delete(request) }
        }
    }

    // MARK: Changes

    /// What was refused before it came to the engine says so.
    private func knowingly(_ change: () async throws -> Response) async throws -> Response {
        do {
            return try await change()
        } catch let problem as Problem where !problem.members.contains(where: { $0.name == "outcome" }) {
            throw problem.with("outcome", .string(Outcome.notApplied.rawValue))
        }
    }

    private func write(_ request: Request, value: Bytes) async throws -> Response {
        guard value.count <= maxValueBytes else { throw Problem.valueTooLarge(maxBytes: maxValueBytes) }
        var change = try changeRequest(request, .write(value))
        change.ttlMs = try ttl(of: request)
        let result = try await run(change)
        return Answers.changed(result, key: change.key, mode: mode)
    }

    private func delete(_ request: Request) async throws -> Response {
        let change = try changeRequest(request, .delete)
        let result = try await run(change)
        guard result.existed else { throw Answers.nothingToDelete(result) }
        return Answers.changed(result, key: change.key, mode: mode)
    }

    private func changeRequest(_ request: Request, _ kind: ChangeRequest.Kind) throws(Problem) -> ChangeRequest {
        guard isWithinRate(request) else { throw Problem.rateLimited }
        let key = try key(of: request)
        var change = ChangeRequest(key: key, kind: kind, deadlineNs: request.receivedNs + requestTimeoutNs)
        try checkSupport(request)
        change.context = request.header("X-Context")
        change.session = try session(of: request)
        change.precondition = try Preconditions.parse(
            ifMatch: request.header("If-Match"), ifNoneMatch: request.header("If-None-Match"))
        return change
    }

    private func run(_ change: ChangeRequest) async throws -> ChangeResult {
        do throws(StoreFailure) {
            let result = try await store.change(change)
            onChange(change, nil)
            return result
        } catch {
            onRefusal(error.code)
            onChange(change, error)
            throw Problem(error).advising(error.code == .preconditionFailed ? change.precondition : nil)
        }
    }

    // MARK: Reads

    private func read(_ request: Request) async throws -> Response {
        guard isWithinRate(request) else { throw Problem.rateLimited }
        let key = try key(of: request)
        try checkSupport(request)
        var read = ReadRequest(key: key, deadlineNs: request.receivedNs + requestTimeoutNs)
        read.maxStalenessMs = try milliseconds("max_staleness_ms", of: request, in: 0...Self.maxTTLMs)
        read.session = try session(of: request)
        let precondition = try Preconditions.parse(
            ifMatch: request.header("If-Match"), ifNoneMatch: request.header("If-None-Match"))
        let result: ReadResult
        do throws(StoreFailure) { result = try await store.read(read) } catch {
            onRefusal(error.code)
            throw Problem(error)
        }
        guard result.value != nil else { throw Answers.noSuchKey(result) }
        switch Preconditions.verdict(precondition, onRead: result.version) {
        case .answer: break
        case .notModified: return Response(status: 304, headers: Answers.headers(of: result.version))
        case .failed: throw Answers.otherVersion(result.version).advising(precondition)
        }
        return Answers.found(result, key: key, mode: mode, wantsBytes: Self.wantsBytes(request))
    }

    /// The bytes as they are only where the client names that type, and not JSON before it; `*/*` and browsers get JSON.
    private static func wantsBytes(_ request: Request) -> Bool {
        request.header("Accept").map(AcceptedTypes.init)?.prefers(ContentType.octets, to: ContentType.json) ?? false
    }

    // MARK: Parts of a request

    /// On app-cp every read shows every acknowledged write: what a session asks for holds without one.
    private func session(of request: Request) throws(Problem) -> SessionRequest {
        var session = SessionRequest()
        switch try request.query("require_session") {
        case nil, "false": break
        case "true": session.isRequired = true
        default: throw Problem.badRequest("bad_require_session", "require_session must be true or false")
        }
        guard mode == .ap else { return SessionRequest() }
        session.token = request.header("X-Session-Token")
        return session
    }

    private func isWithinRate(_ request: Request) -> Bool {
        limiter?.take(atNs: request.receivedNs) ?? true
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

    /// A precondition needs consensus, a context siblings: each service says so rather than ignore what it cannot do.
    private func checkSupport(_ request: Request) throws(Problem) {
        switch mode {
        case .cp:
            guard request.header("X-Context") == nil else {
                throw Problem.badRequest(
                    "not_supported", "X-Context belongs to app-ap; here use If-Match with the ETag")
            }
        case .ap:
            guard request.header("If-Match") == nil, request.header("If-None-Match") == nil else {
                throw Problem.badRequest(
                    "not_supported", "a precondition needs consensus, which app-cp has; here use X-Context")
            }
        }
    }
}
