import RateLimiting
import Telemetry

/// The metrics of the rate limits per client.
struct LimitMetrics: Sendable {
    let limited: CounterFamily
    let calls: CounterFamily

    init(in registry: PrometheusRegistry) {
        limited = registry.counter(
            "app_rate_limited_total", help: "Requests above a limit of their client, answered 429, by window.",
            labels: ["window"])
        calls = registry.counter(
            "app_rate_limit_calls_total",
            help: "Calls for permits: answered by a replica, or failed, so that limits apply in this process alone.",
            labels: ["result"])
        // Series that exist from the start show a rate from the first event.
        for window in RatePolicy.Window.allCases { _ = limited.with(window.rawValue) }
        for result in ["answered", "failed"] { _ = calls.with(result) }
    }
}
