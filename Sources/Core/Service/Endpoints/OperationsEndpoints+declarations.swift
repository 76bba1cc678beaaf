import HTTP
import JSON
import Replication
import Telemetry

/// The parts that one service adds to the declarations of the endpoints for operators.
public struct ServiceDeclaration: Sendable {
    /// One sentence about the service.
    public var summary: String
    /// The reasons for which the service may not be ready.
    public var readinessFailures: [StoreFailure.Code]
    /// The members that the service adds to each replica in `/replicas`, with examples.
    public var replicaMembers: [(member: Member, example: JSONValue)]

    public init(
        summary: String, readinessFailures: [StoreFailure.Code],
        replicaMembers: [(member: Member, example: JSONValue)]
    ) {
        self.summary = summary
        self.readinessFailures = readinessFailures
        self.replicaMembers = replicaMembers
    }
}

/// The endpoints of ``OperationsEndpoints``.
struct OperationsDeclarations {
    let mode: ServiceMode
    let service: ServiceDeclaration

    // MARK: Health

    var live: Endpoint {
        var endpoint = probe("/health/live", Endpoint.Text(id: "live", "Shows that the process responds"))
        endpoint.isLimited = false
        endpoint.answers = [Answer(200, "The process responds", [Self.ok])]
        return endpoint
    }

    /// - Parameter isPublic: true if other requests need a token. The response then omits the reason, because anybody
    ///   can read it.
    func ready(isPublic: Bool) -> Endpoint {
        var endpoint = probe("/health/ready", Endpoint.Text(id: "ready", "Shows whether the service is ready"))
        endpoint.isLimited = false
        endpoint.answers = [Answer(200, "The service can answer requests", [Self.ok])]
        endpoint.problems =
            [.stopping, .notReady].map { DeclaredProblem($0) }
            + (isPublic ? [] : service.readinessFailures.map { DeclaredProblem($0) })
        return endpoint
    }

    private static let ok = Answer.Content.object([Member("status", ["const": "ok"])], example: ["status": "ok"])

    var health: Endpoint {
        var endpoint = probe("/health", Endpoint.Text(id: "health", "Shows the health of service and replicas"))
        endpoint.scope = .metrics
        let members = [
            Member("mode", ["const": .string(mode.rawValue)]), Member("node", ["type": "string"]),
            Member("site", ["type": "string"]), Member("version", ["type": "string"]),
            Member("uptime_ms", ["type": "integer", "minimum": 0]),
        ]
        let check = Member.object(
            [
                Member("node", ["type": "string"]), Member("ok", ["type": "boolean"]),
                Member("problem", ["type": "string"], isRequired: false),
            ] + Self.link)
        let checks = Member("checks", ["type": "array", "items": check])
        let served = Member("status", ["enum": ["ok", "degraded"]])
        let failed = [
            Member("status", ["const": "unavailable"]),
            Member("code", ["enum": .strings(service.readinessFailures.map(\.rawValue))]),
            Member("detail", ["type": "string"]),
        ]
        var example: JSONValue = [
            "status": "ok", "mode": .string(mode.rawValue), "node": "app", "site": "east",
            "version": .string(ServiceVersion.current), "uptime_ms": 60_000,
            "checks": [["node": "g1", "ok": true]],
        ]
        example["checks"] = [Self.merge(["node": "g1", "ok": true], Self.linkExample)]
        var failure = example
        failure["status"] = "unavailable"
        failure["code"] = service.readinessFailures.first.map { .string($0.rawValue) }
        failure["detail"] = "no replica answers"
        endpoint.answers = [
            Answer(200, "The service can answer requests", [.object([served] + members + [checks], example: example)]),
            Answer(503, "The service cannot answer requests", [.object(failed + members + [checks], example: failure)]),
        ]
        return endpoint
    }

    /// Load balancers and Prometheus (`params`) may add parameters, which are ignored.
    private func probe(_ pattern: String, _ text: Endpoint.Text, operation: String = "health") -> Endpoint {
        var endpoint = Endpoint(.get, pattern, operation: operation, text)
        endpoint.ignoresOtherParameters = true
        return endpoint
    }

    var metrics: Endpoint {
        var endpoint = probe("/metrics", Endpoint.Text(id: "metrics", "Metrics for Prometheus"), operation: "metrics")
        endpoint.scope = .metrics
        endpoint.isLimited = false
        let formats: [ExpositionFormat] = [.text, .openMetrics]
        endpoint.answers = [
            Answer(
                200, "In the format that `Accept` prefers",
                formats.map { Answer.Content($0.contentType, schema: ["type": "string"]) })
        ]
        return endpoint
    }

    // MARK: Replicas

    var breakers: Endpoint {
        var endpoint = Endpoint(
            .get, "/circuit-breaker", operation: "circuit_breaker",
            Endpoint.Text(id: "circuitBreaker", "Shows the circuit breaker of each replica"))
        endpoint.scope = .admin
        let total: JSONValue = ["type": "integer", "minimum": 0]
        let breaker = Member.object([
            Member("node", ["type": "string"]), Member("state", Self.breakerState),
            Member("state_code", ["enum": [0, 1, 2]]), Member("consecutive_failures", total),
            Member("failures_total", total), Member("successes_total", total), Member("opened_total", total),
            Member("next_try_in_ms", AnswerMembers.count), Member("last_change_ms_ago", AnswerMembers.count),
        ])
        let example: JSONValue = [
            "node": "g1", "state": "CLOSED", "state_code": 0, "consecutive_failures": 0, "failures_total": 0,
            "successes_total": 120, "opened_total": 0, "next_try_in_ms": nil, "last_change_ms_ago": nil,
        ]
        endpoint.answers = [
            Answer(
                200, "The breakers",
                [
                    .object(
                        [
                            Member("mode", ["const": .string(mode.rawValue)]),
                            Member("breakers", ["type": "array", "items": breaker]),
                        ], example: ["mode": .string(mode.rawValue), "breakers": [example]])
                ])
        ]
        return endpoint
    }

    var replicas: Endpoint {
        var endpoint = Endpoint(
            .get, "/replicas", operation: "replicas", Endpoint.Text(id: "replicas", "Shows each replica"))
        endpoint.scope = .admin
        let own = [Member("node", ["type": "string"]), Member("reachable", ["type": "boolean"])] + Self.link
        let replica = Member.object(own + service.replicaMembers.map(\.member))
        let details = JSONValue.object(service.replicaMembers.map { JSONValue.Member($0.member.name, $0.example) })
        let example = Self.merge(Self.merge(["node": "g1", "reachable": true], Self.linkExample), details)
        endpoint.answers = [
            Answer(
                200, "The replicas",
                [
                    .object(
                        [
                            Member("mode", ["const": .string(mode.rawValue)]), Member("group", ["type": "string"]),
                            Member("replicas", ["type": "array", "items": replica]),
                        ],
                        example: ["mode": .string(mode.rawValue), "group": "main", "replicas": [example]])
                ])
        ]
        return endpoint
    }

    /// The members of a connection in `/health` and `/replicas`.
    private static let link = [
        Member("connected", ["type": "boolean"]), Member("breaker", breakerState),
        Member("latency_us", AnswerMembers.count), Member("in_flight", ["type": "integer", "minimum": 0]),
        Member("reconnects", ["type": "integer", "minimum": 0]),
        Member(
            "error",
            [
                "type": "string",
                "description": "While not connected: why the last attempt failed, or why the connection was lost.",
            ], isRequired: false),
    ]
    private static let linkExample: JSONValue = [
        "connected": true, "breaker": "CLOSED", "latency_us": 210, "in_flight": 0, "reconnects": 0,
    ]
    private static let breakerState: JSONValue = ["enum": ["CLOSED", "HALF_OPEN", "OPEN"]]

    private static func merge(_ first: JSONValue, _ second: JSONValue) -> JSONValue {
        guard case .object(let first) = first, case .object(let second) = second else { return first }
        return .object(first + second)
    }
}

extension Problem {
    static var stopping: Problem { unavailable("stopping", "the service is stopping") }
    static var notReady: Problem { unavailable("not_ready", "the service is not ready") }
}
