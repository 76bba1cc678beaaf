import HTTP
import Replication
import Telemetry

/// The metrics of both services.
public final class ServiceMetrics: Sendable {
    public let registry = PrometheusRegistry()
    private let mode: String
    private let process: ProcessCollector
    private let requests: CounterFamily
    private let latency: HistogramFamily
    private let refusals: CounterFamily
    private let shed: CounterFamily
    let connectionFailures: CounterFamily
    let connections: CounterFamily
    let breakerState: GaugeFamily
    let breakerChanges: CounterFamily
    let replicaUp: GaugeFamily
    /// Set by the engines' metrics.
    public let replicaRefused: GaugeFamily
    let replicaInFlight: GaugeFamily
    let commandLatency: HistogramFamily
    let clockOffset: GaugeFamily
    let requestsInFlight: GaugeSeries
    let busyConnections: GaugeSeries
    let idleConnections: GaugeSeries
    let redisServers: RedisServerMetrics
    let connectionLimits: CounterFamily
    let accessRefusals: CounterFamily
    let limits: LimitMetrics
    let auditLines: CounterSeries
    let lostAuditLines: CounterSeries
    let tls: TLSMetrics
    public let staleness: GaugeFamily

    public init(_ settings: ServiceSettings) {
        mode = settings.mode.rawValue
        process = ProcessCollector(in: registry)
        requests = registry.counter(
            "app_requests_total", help: "Requests answered, by operation and HTTP status.",
            labels: ["mode", "operation", "status"])
        latency = registry.histogram(
            "app_request_latency_seconds", help: "Time from a complete request to its response, in seconds.",
            labels: ["mode", "operation"])
        refusals = registry.counter(
            "app_refusals_total", help: "Requests that were rejected by the engine or shed, by problem code.",
            labels: ["mode", "code"])
        shed = registry.counter(
            "app_requests_shed_total",
            help: "Requests with large values that had waited too long, answered 503 overloaded.",
            labels: ["mode", "operation"])
        connectionFailures = registry.counter(
            "db_connection_failures_total", help: "Connections to a replica that failed or were lost.", labels: ["node"]
        )
        connections = registry.counter(
            "db_connections_total", help: "Connections to a replica that were established.", labels: ["node"])
        breakerState = registry.gauge(
            "circuit_breaker_state", help: "State of a replica's circuit breaker: 0 CLOSED, 1 HALF_OPEN, 2 OPEN.",
            labels: ["node"])
        breakerChanges = registry.counter(
            "circuit_breaker_changes_total", help: "Changes of a replica's circuit breaker, by new state.",
            labels: ["node", "to"])
        replicaUp = registry.gauge(
            "db_replica_up", help: "1 if a replica is connected and its breaker is closed, otherwise 0.",
            labels: ["node"])
        replicaRefused = registry.gauge(
            "db_replica_refused",
            help: "1 if a replica answers and must not be used: foreign, replaced, or too old; otherwise 0.",
            labels: ["node"])
        replicaInFlight = registry.gauge(
            "db_commands_in_flight", help: "Unanswered commands sent to a replica.", labels: ["node"])
        commandLatency = registry.histogram(
            "db_command_latency_seconds", help: "Time from queueing a command to a replica's reply, in seconds.",
            labels: ["node"])
        clockOffset = registry.gauge(
            "clock_offset_seconds",
            help: "By how much a replica's clock is ahead of this instance's, in seconds, to half a round trip.",
            labels: ["node"])
        requestsInFlight = registry.gauge("app_requests_in_flight", help: "In-flight requests.").with()
        let connectionsByState = registry.gauge(
            "app_connections", help: "Connections of clients: busy with a request, or idle.", labels: ["state"])
        busyConnections = connectionsByState.with("busy")
        idleConnections = connectionsByState.with("idle")
        redisServers = RedisServerMetrics(in: registry)
        connectionLimits = registry.counter(
            "app_connection_limits_total",
            help: "Connections of clients that were closed or refused for others, by the limit that was reached.",
            labels: ["limit"])
        accessRefusals = registry.counter(
            "app_access_refusals_total", help: "Requests refused by their host, origin or token, by reason.",
            labels: ["reason"])
        limits = LimitMetrics(in: registry)
        auditLines = registry.counter("app_audit_lines_total", help: "Lines written to the audit trail.").with()
        lostAuditLines = registry.counter(
            "app_audit_lines_lost_total", help: "Lines that the audit trail lost: the disk was slow, full or gone."
        ).with()
        tls = TLSMetrics(in: registry, isOn: settings.tls.isOn)
        staleness = registry.gauge(
            "data_staleness_ms",
            help: "An answer from a replica may miss writes of this last time, in milliseconds; +Inf if unknown.",
            labels: ["node"])
        registry.gauge(
            "app_max_staleness_ms",
            help: "MAX_STALENESS_MS: answers with a higher staleness are marked stale, in milliseconds."
        ).with().set(Double(settings.requests.maxStalenessMs))
        registry.registerBuildInfo(version: ServiceVersion.current, mode: mode)
        // Series that exist from the start show a rate from the first failure.
        for reason in AccessRefusal.names { _ = accessRefusals.with(reason) }
        for limit in ConnectionLimit.allCases { _ = connectionLimits.with(limit.rawValue) }
        for operation in ["read", "write", "delete"] {
            _ = latencySeries(operation: operation)
            _ = shedRequests(operation)
            for status in [200, 400, 404, 412, 413, 415, 429, 500, 503, 504] {
                _ = requestSeries(operation: operation, status: status)
            }
        }
        for status in [200, 503] { _ = requestSeries(operation: "health", status: status) }
        for code in StoreFailure.Code.allCases { _ = refusals(code) }
    }

    func requestSeries(operation: String, status: Int) -> CounterSeries {
        requests.with(mode, operation, String(status))
    }

    func shedRequests(_ operation: String) -> CounterSeries { shed.with(mode, operation) }
    func latencySeries(operation: String) -> HistogramSeries { latency.with(mode, operation) }
    func refusals(_ code: StoreFailure.Code) -> CounterSeries { refusals.with(mode, code.rawValue) }

    func page(_ format: ExpositionFormat) -> [UInt8] {
        process.collect()
        return registry.page(format)
    }
}

/// Counts the answered requests of one reactor. It caches the series, because looking one up takes a lock.
final class RequestCounter {
    private struct Answer: Hashable {
        let operation: String
        let status: Int
    }

    private let metrics: ServiceMetrics
    private var series: [Answer: (latency: HistogramSeries, count: CounterSeries)] = [:]

    init(metrics: ServiceMetrics) { self.metrics = metrics }

    /// - Parameter trace: of the request. A sampled one becomes the exemplar of its bucket, because it leads to spans.
    func count(operation: String, status: Int, tookNs: UInt64, trace: TraceContext?) {
        let (latency, count) = series(of: Answer(operation: operation, status: status))
        count.increment()
        guard let trace, trace.flags.contains(.sampled) else { return latency.observe(ns: tookNs) }
        latency.observe(ns: tookNs, exemplar: trace.traceID.description)
    }

    private func series(of answer: Answer) -> (latency: HistogramSeries, count: CounterSeries) {
        if let known = series[answer] { return known }
        let new = (
            metrics.latencySeries(operation: answer.operation),
            metrics.requestSeries(operation: answer.operation, status: answer.status)
        )
        series[answer] = new
        return new
    }
}
