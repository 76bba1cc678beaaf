import HTTP
import Replication
import Telemetry

/// The metrics of both services.
public final class ServiceMetrics: Sendable {
    public let registry: PrometheusRegistry
    private let mode: String
    private let requests: CounterFamily
    private let latency: HistogramFamily
    private let refusals: CounterFamily
    private let connectionFailures: CounterFamily
    private let connections: CounterFamily
    let breakerState: GaugeFamily
    private let breakerChanges: CounterFamily
    let replicaUp: GaugeFamily
    let replicaInFlight: GaugeFamily
    let requestsInFlight: GaugeFamily
    private let staleness: GaugeFamily
    private let maxStaleness: GaugeFamily

    public init(mode: ServiceMode, version: String) {
        registry = PrometheusRegistry()
        self.mode = mode.rawValue
        requests = registry.counter(
            "app_requests_total", help: "Requests answered, by operation and HTTP status.",
            labels: ["mode", "operation", "status"])
        latency = registry.histogram(
            "app_request_latency_seconds", help: "Time from a complete request to its response, in seconds.",
            labels: ["mode", "operation"])
        refusals = registry.counter(
            "app_refusals_total", help: "Requests that the engine rejected, by problem code.",
            labels: ["mode", "code"])
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
            labels: ["node"]
        )
        replicaInFlight = registry.gauge(
            "db_commands_in_flight", help: "Unanswered commands sent to a replica.", labels: ["node"])
        requestsInFlight = registry.gauge("app_requests_in_flight", help: "In-flight requests.")
        staleness = registry.gauge(
            "data_staleness_ms",
            help: "Upper bound of the age of an answer from a replica, in milliseconds; +Inf if unknown.",
            labels: ["node"])
        maxStaleness = registry.gauge(
            "app_max_staleness_ms",
            help: "MAX_STALENESS_MS: answers that may be older are marked stale, in milliseconds.")
        // Series that exist from the start show a rate from the first failure.
        for operation in Self.storeOperations {
            _ = latencySeries(operation: operation)
            for status in Self.alwaysShown { _ = requestSeries(operation: operation, status: status) }
        }
        registry.registerBuildInfo(version: version, mode: mode.rawValue)
        ProcessCollector.register(in: registry)
    }

    /// The operations of clients; the others concern the service itself.
    private static let storeOperations = ["read", "write", "delete"]
    private static let alwaysShown = [200, 500, 503, 504]

    /// Exposes the setting that alerts compare with.
    func show(maxStalenessMs: Int64) { maxStaleness.with().set(Double(maxStalenessMs)) }

    func requestSeries(operation: String, status: Int) -> CounterSeries {
        requests.with(mode, operation, String(status))
    }

    func latencySeries(operation: String) -> HistogramSeries { latency.with(mode, operation) }
    func refusals(_ code: StoreFailure.Code) -> CounterSeries { refusals.with(mode, code.rawValue) }
    func connectionFailures(node: String) -> CounterSeries { connectionFailures.with(node) }
    func connections(node: String) -> CounterSeries { connections.with(node) }
    func breakerChanges(node: String, to state: String) -> CounterSeries { breakerChanges.with(node, state) }

    /// Upper bound of the age of answers from `node`.
    public func staleness(node: String) -> GaugeSeries { staleness.with(node) }
}

/// Counts requests. It caches the series, because a look-up takes a lock.
final class RequestCounter {
    /// The series of one operation; its few statuses are searched linearly.
    private final class Operation {
        let latency: HistogramSeries
        var counters: [(status: Int, series: CounterSeries)] = []

        init(latency: HistogramSeries) { self.latency = latency }
    }

    private let metrics: ServiceMetrics
    private var operations: [String: Operation] = [:]

    init(metrics: ServiceMetrics) { self.metrics = metrics }

    func count(operation name: String, status: Int, tookNs: UInt64) {
        let operation = operation(name)
        operation.latency.observe(ns: tookNs)
        for counter in operation.counters where counter.status == status {
            counter.series.increment()
            return
        }
        let series = metrics.requestSeries(operation: name, status: status)
        operation.counters.append((status, series))
        series.increment()
    }

    private func operation(_ name: String) -> Operation {
        if let known = operations[name] { return known }
        let made = Operation(latency: metrics.latencySeries(operation: name))
        operations[name] = made
        return made
    }
}
