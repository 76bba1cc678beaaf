import HTTP
import Replication
import Telemetry

/// The metrics that both services have. One for the whole process: its series are atomics, and any reactor counts on them.
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

    /// - Throws: ``MetricError`` where a name is bad or taken, which is a mistake in this program.
    public init(mode: ServiceMode, version: String) throws(MetricError) {
        registry = PrometheusRegistry()
        self.mode = mode.rawValue
        requests = try registry.counter(
            "app_requests_total", help: "Requests answered, by operation and HTTP status.",
            labels: ["mode", "operation", "status"])
        latency = try registry.histogram(
            "app_request_latency_seconds", help: "Time from a complete request to its answer, in seconds.",
            labels: ["mode", "operation"])
        refusals = try registry.counter(
            "app_refusals_total", help: "Requests that the engine refused, by the code of the answer.",
            labels: ["mode", "code"])
        connectionFailures = try registry.counter(
            "db_connection_failures_total", help: "Connections to a replica that failed or were lost.", labels: ["node"]
        )
        connections = try registry.counter(
            "db_connections_total", help: "Connections to a replica that were made.", labels: ["node"])
        breakerState = try registry.gauge(
            "circuit_breaker_state", help: "State of a replica's circuit breaker: 0 CLOSED, 1 HALF_OPEN, 2 OPEN.",
            labels: ["node"])
        breakerChanges = try registry.counter(
            "circuit_breaker_changes_total", help: "Changes of a replica's circuit breaker, by the state it went to.",
            labels: ["node", "to"])
        replicaUp = try registry.gauge(
            "db_replica_up", help: "1 where a replica is connected and its breaker is closed, else 0.", labels: ["node"]
        )
        replicaInFlight = try registry.gauge(
            "db_commands_in_flight", help: "Commands sent to a replica and not answered yet.", labels: ["node"])
        requestsInFlight = try registry.gauge("app_requests_in_flight", help: "Requests under way.")
        staleness = try registry.gauge(
            "data_staleness_ms",
            help: "Upper bound of how old an answer from a replica may be, in milliseconds; +Inf while unknown.",
            labels: ["node"])
        maxStaleness = try registry.gauge(
            "app_max_staleness_ms",
            help: "MAX_STALENESS_MS: answers that may be older are marked stale, in milliseconds.")
        // Series that exist from the start show a rate from the first failure on.
        for operation in Self.storeOperations {
            _ = latencySeries(operation: operation)
            for status in Self.alwaysShown { _ = requestSeries(operation: operation, status: status) }
        }
        try registry.registerBuildInfo(version: version, mode: mode.rawValue)
        try ProcessCollector.register(in: registry)
    }

    /// What clients come for; the other operations ask about the service itself.
    private static let storeOperations = ["read", "write", "delete"]
    private static let alwaysShown = [200, 500, 503, 504]

    /// Shows the settings that alerts compare with, so that the two cannot disagree.
    func show(maxStalenessMs: Int64) { maxStaleness.with().set(Double(maxStalenessMs)) }

    func requestSeries(operation: String, status: Int) -> CounterSeries {
        requests.with(mode, operation, String(status))
    }

    func latencySeries(operation: String) -> HistogramSeries { latency.with(mode, operation) }
    func refusals(_ code: StoreFailure.Code) -> CounterSeries { refusals.with(mode, code.rawValue) }
    func connectionFailures(node: String) -> CounterSeries { connectionFailures.with(node) }
    func connections(node: String) -> CounterSeries { connections.with(node) }
    func breakerChanges(node: String, to state: String) -> CounterSeries { breakerChanges.with(node, state) }

    /// How old answers from `node` may be.
    public func staleness(node: String) -> GaugeSeries { staleness.with(node) }
}

/// Counts the requests of one reactor. It keeps the series it has looked up, for a look-up takes a lock.
final class RequestCounter {
    /// One operation's series; the few statuses it answers with are searched from front to back.
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
