import EventLoop
import HTTP
import Logging
import Replication
import Resilience
import Telemetry

/// `/write`, `/read` and `/delete`: the checks, metrics and log events that both services share.
final class KeyValueEndpoints {
    private let handler: any KeyValueHandler
    private let requestTimeoutNs: UInt64
    private let maxValueBytes: Int
    private var limiter: RateLimiter?
    private let metrics: ServiceMetrics
    private let logger: Logger
    private let reports: AccessReports
    private let audit: RequestAudit?
    private let admission: LargeRequestAdmission

    init(
        settings: ServiceSettings, scheduler: any Scheduler, handler: any KeyValueHandler, metrics: ServiceMetrics,
        logger: Logger, reports: AccessReports, audit: RequestAudit?
    ) {
        self.handler = handler
        requestTimeoutNs = settings.requests.engineTimeoutNs
        maxValueBytes = settings.requests.maxValueBytes
        limiter = settings.load.maxPerS.map { RateLimiter(ratePerS: $0) }
        self.metrics = metrics
        self.logger = logger
        self.reports = reports
        self.audit = audit
        admission = LargeRequestAdmission(scheduler: scheduler)
    }

    func addRoutes(to router: Router) {
        let declared = Self.endpoints(handler.declaration, maxValueBytes: maxValueBytes)
        router.add(declared.write) { [self] request in
            try await write(request) { () throws(Problem) in request.body }
        }
        router.add(declared.writeInPath) { [self] request in
            try await write(request) { () throws(Problem) in
                let value = try request.segment(2)
                guard !value.isEmpty else { throw .emptyPathValue }
                guard request.body.isEmpty else { throw .twoValues }
                return value
            }
        }
        router.add(declared.read) { [self] in try await read($0) }
        router.add(declared.delete) { [self] in
            try await change("delete", $0) { [self] request in
                let place = await admission.enter(key: request.key, from: request.request.client)
                return try await run("delete", request.key, at: place, byteCount: { _ in 0 }) {
                    try await handler.delete(request)
                }
            }
        }
    }

    // MARK: Requests

    private func write(_ request: Request, value: () throws(Problem) -> Bytes) async throws -> Response {
        try await change("write", request) { key in
            try checkContent(request)
            let value = try value()
            guard value.count <= maxValueBytes else { throw Problem.valueTooLarge(maxBytes: maxValueBytes) }
            let ttlMs = try KeyValueParameters.ttlMs.integer(of: request)
            let place = await admission.enter(byteCount: value.count, from: request.client)
            return try await run("write", key.key, at: place, byteCount: { _ in value.count }) {
                try await handler.write(value, key, ttlMs: ttlMs)
            }
        }
    }

    /// Runs an admitted request, and records how many bytes the value of its key has afterwards.
    /// - Throws: 503 `overloaded` if `place` is nil, because the request was shed.
    private func run(
        _ operation: String, _ key: Bytes, at place: LargeRequestAdmission.Place?, byteCount: (Response) -> Int,
        _ body: () async throws -> Response
    ) async throws -> Response {
        guard let place else {
            metrics.shedRequests(operation).increment()
            metrics.refusals(.overloaded).increment()
            throw Problem.tooManyLargeValues
        }
        var moved: Int?
        defer {
            admission.note(key, byteCount: moved, from: place)
            admission.leave(place)
        }
        let response = try await body()
        moved = byteCount(response)
        return response
    }

    private func change(
        _ kind: String, _ request: Request, _ run: (KeyRequest) async throws -> Response
    ) async throws -> Response {
        var key: Bytes = []
        do {
            key = try self.key(of: request)
            let response = try await run(try keyRequest(request, key: key))
            // A delete of a key that does not exist gets 404.
            let outcome = response.status < 300 ? Outcome.applied : .notApplied
            log(kind, key, outcome, request)
            audit(kind, key, outcome, nil, request)
            return response
        } catch let refusal as EngineRefusal {
            let outcome = refusal.failure.outcome ?? .unknown
            log(kind, key, outcome, request, refusal.failure)
            audit(kind, key, outcome, refusal.failure.code.rawValue, request)
            throw counted(refusal)
        } catch let problem as Problem {
            audit(kind, key, .notApplied, problem.code, request)
            // A change that never reached the engine was not applied.
            throw problem.with(.notApplied)
        } catch {
            audit(kind, key, .unknown, "internal_error", request)
            throw error
        }
    }

    private func read(_ request: Request) async throws -> Response {
        let key = try keyRequest(request, key: try key(of: request))
        let maxStalenessMs = try KeyValueParameters.maxStalenessMs.integer(of: request)
        do {
            let place = await admission.enter(key: key.key, from: request.client)
            return try await run("read", key.key, at: place, byteCount: { $0.body.count }) {
                var response = try await handler.read(key, maxStalenessMs: maxStalenessMs)
                // `Accept` decides whether the value is sent as JSON or as bare bytes.
                response.isNegotiated = true
                return response
            }
        } catch let refusal as EngineRefusal {
            throw counted(refusal)
        }
    }

    private func counted(_ refusal: EngineRefusal) -> Problem {
        metrics.refusals(refusal.failure.code).increment()
        return refusal.problem
    }

    private func audit(_ kind: String, _ key: Bytes, _ outcome: Outcome, _ code: String?, _ request: Request) {
        guard let audit, let action = AuditRecord.Action(rawValue: kind) else { return }
        audit.changed(action, key: key.isEmpty ? nil : key, outcome: outcome, code: code, by: request)
    }

    /// Logs the event `WRITE`: the key and the outcome of a change. Expected outcomes are at `debug`, because there may
    /// be tens of thousands per second: success, a failed precondition (412), and a delete of a missing key. Other
    /// rejections are at `notice`, unknown outcomes at `warning`.
    private func log(
        _ kind: String, _ key: Bytes, _ outcome: Outcome, _ request: Request, _ failure: StoreFailure? = nil
    ) {
        let isExpected = failure == nil || failure?.code == .preconditionFailed
        let level: Logger.Level = outcome == .unknown ? .warning : isExpected ? .debug : .notice
        logger.event(
            .write, level, failure == nil ? (outcome == .applied ? "applied" : "not applied") : "refused",
            [
                // A key that is not valid UTF-8 is logged with replacement characters.
                "key": .string(String(decoding: key, as: UTF8.self)), "kind": .string(kind),
                "outcome": .string(outcome.rawValue),
            ].merging(failure.map { ["code": .string($0.code.rawValue)] } ?? [:]) { $1 }
                .merging(request.traceFields) { $1 })
    }

    // MARK: Parts of a request

    /// Rejects a content coding, which would be lost, and a partial value, which would replace the complete one (RFC
    /// 9110, sections 8.4 and 14.4).
    private func checkContent(_ request: Request) throws(Problem) {
        guard request.header("Content-Range") == nil else { throw .partialValue }
        guard ["", "identity"].contains(request.header("Content-Encoding")?.lowercased() ?? "") else {
            throw .unsupportedEncoding
        }
    }

    private func keyRequest(_ request: Request, key: Bytes) throws(Problem) -> KeyRequest {
        guard limiter?.take(atNs: request.receivedNs) ?? true else { throw Problem.rateLimited }
        guard request.principal.map({ key.starts(with: $0.keyPrefix) }) ?? true else {
            reports.refused(.key, request)
            throw AccessRefusal.key.problem(of: "")
        }
        return KeyRequest(
            key: key, deadlineNs: request.receivedNs + requestTimeoutNs,
            isSessionRequired: try KeyValueParameters.requireSession.flag(of: request), request: request)
    }

    private func key(of request: Request) throws(Problem) -> Bytes {
        let key: Bytes
        do throws(Problem) { key = try request.segment(1) } catch {
            throw .badKey("the key is not valid percent-encoding")
        }
        guard (1...KeyValueParameters.maxKeyBytes).contains(key.count) else { throw .badKey(byteCount: key.count) }
        return key
    }
}
