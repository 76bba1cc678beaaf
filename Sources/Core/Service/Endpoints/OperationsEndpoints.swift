import EventLoop
import HTTP
import JSON
import Redis
import Replication
import Telemetry

/// Endpoints for operators: `/health`, `/health/live`, `/health/ready`, `/metrics`, `/circuit-breaker`, `/replicas`.
final class OperationsEndpoints {
    private let settings: ServiceSettings
    private let reactor: Reactor
    private let group: RedisReplicaGroup
    private let engine: any ServiceEngine
    private let metrics: ServiceMetrics
    private let startNs: UInt64
    private var isStopping = false

    init(
        settings: ServiceSettings, reactor: Reactor, group: RedisReplicaGroup, engine: any ServiceEngine,
        metrics: ServiceMetrics
    ) {
        self.settings = settings
        self.reactor = reactor
        self.group = group
        self.engine = engine
        self.metrics = metrics
        startNs = reactor.nowNs
    }

    /// From now on, `/health/ready` reports that the service is not ready, so that load balancers send no more
    /// requests.
    func stop() { isStopping = true }

    func addRoutes(to router: Router) {
        let declared = OperationsDeclarations(mode: settings.mode, service: engine.declaration)
        router.add(declared.health) { [self] _ in await health() }
        router.add(declared.live) { [self] _ in live() }
        router.add(declared.ready(isPublic: settings.access.authentication.isOn)) { [self] _ in await ready() }
        router.add(declared.metrics) { [self] in scrape($0) }
        router.add(declared.breakers) { [self] _ in breakers() }
        router.add(declared.replicas) { [self] _ in await replicas() }
    }

    private var deadlineNs: UInt64 { reactor.nowNs + settings.requests.timeoutMs * nsPerMs }

    // MARK: Health

    private func live() -> Response {
        .object { $0.member("status", "ok") }
    }

    private func ready() async -> Response {
        if isStopping { return Problem.stopping.response }
        guard let failure = await engine.readiness(deadlineNs: deadlineNs) else { return live() }
        // This endpoint needs no token. If others do, the response omits the reason, because anybody can read it.
        let isPublic = settings.access.authentication.isOn
        return (isPublic ? .notReady : Problem(failure)).response
    }

    private func health() async -> Response {
        let failure = await engine.readiness(deadlineNs: deadlineNs)
        let problems = engine.replicaProblems()
        let checks = group.status().enumerated().map { index, status in
            let problem = problems.indices.contains(index) ? problems[index] : nil
            return (status: status, problem: problem, isOK: status.isUp && problem == nil)
        }
        return .object(status: failure == nil ? 200 : 503, capacity: 1_024) { json in
            json.member("status", failure != nil ? "unavailable" : checks.allSatisfy(\.isOK) ? "ok" : "degraded")
            json.member("mode", settings.mode.rawValue)
            json.member("node", settings.identity.nodeID)
            json.member("site", settings.identity.site)
            json.member("version", ServiceVersion.current)
            json.member("uptime_ms", (reactor.nowNs - startNs) / nsPerMs)
            if let failure {
                json.member("code", failure.code.rawValue)
                json.member("detail", failure.detail)
            }
            json.objects("checks", of: checks) { json, check in
                json.member("node", check.status.name)
                json.member("ok", check.isOK)
                if let problem = check.problem { json.member("problem", problem) }
                json.link(check.status)
            }
        }
    }

    // MARK: Metrics

    private func scrape(_ request: Request) -> Response {
        let format = ExpositionFormat(accept: request.header("Accept"))
        return Response(contentType: format.contentType, body: metrics.page(format))
    }

    // MARK: Replicas

    private func breakers() -> Response {
        let nowNs = reactor.nowNs
        return .object(capacity: 1_024) { json in
            json.member("mode", settings.mode.rawValue)
            json.objects("breakers", of: group.status()) { json, status in
                let breaker = status.breaker
                json.member("node", status.name)
                json.member("state", breaker.state.name)
                json.member("state_code", breaker.state.rawValue)
                json.member("consecutive_failures", breaker.consecutiveFailures)
                json.member("failures_total", breaker.totals.failures)
                json.member("successes_total", breaker.totals.successes)
                json.member("opened_total", breaker.totals.opened)
                json.member("next_try_in_ms", breaker.retryAtNs.map { ($0 - min($0, nowNs)) / nsPerMs })
                json.member(
                    "last_change_ms_ago", breaker.lastTransition.map { (nowNs - min(nowNs, $0.atNs)) / nsPerMs })
            }
        }
    }

    private func replicas() async -> Response {
        let reports = await engine.replicaReports(deadlineNs: deadlineNs)
        return .object(capacity: 2_048) { json in
            json.member("mode", settings.mode.rawValue)
            json.member("group", settings.identity.group)
            json.objects("replicas", of: Array(group.status().enumerated())) { json, replica in
                json.member("node", replica.element.name)
                json.member("reachable", replica.element.isUp)
                json.link(replica.element)
                if reports.indices.contains(replica.offset) { reports[replica.offset](&json) }
            }
        }
    }
}

extension ExpositionFormat {
    /// OpenMetrics if the `Accept` header lists it, with a weight of at least that of the text format; else the text
    /// format.
    init(accept field: String?) {
        guard let accepted = field.map(AcceptField.init) else {
            self = .text
            return
        }
        let openMetrics = accepted.weight(of: "application/openmetrics-text", version: "1.0.0")
        let text = accepted.weight(of: "text/plain", version: "0.0.4", includingWildcards: true)
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }
}

extension JSONWriter {
    fileprivate mutating func link(_ status: RedisReplicaGroup.LinkStatus) {
        member("connected", status.isConnected)
        member("breaker", status.breaker.state.name)
        member("latency_us", status.latencyUs)
        member("in_flight", status.inFlight)
        member("reconnects", status.reconnects)
        if !status.isConnected, let failure = status.lastFailure { member("error", failure.summary) }
    }
}
