import EventLoop
import HTTP
import Logging
import Telemetry

/// Reports TLS handshakes in the metrics, and failed ones also in the log. The log gets at most one line per minute,
/// with counts.
final class TLSReports {
    private let metrics: TLSMetrics
    private let logger: Logger
    private let nowNs: () -> UInt64
    private var summary = MinuteSummary()

    /// - Parameter nowNs: returns the time on a monotonic clock.
    init(metrics: TLSMetrics, logger: Logger, nowNs: @escaping () -> UInt64) {
        self.metrics = metrics
        self.logger = logger
        self.nowNs = nowNs
    }

    func handshakeEnded(_ result: HandshakeResult) {
        metrics.handshakes.with(result.rawValue).increment()
        guard result != .completed, let counts = summary.add(result.rawValue, atNs: nowNs()) else { return }
        logger.event(
            .handshakeFailed, .info, "TLS handshakes failed", counts.mapValues { .stringConvertible($0) })
    }
}

/// The metrics of TLS. Without TLS, they have no series.
struct TLSMetrics: Sendable {
    fileprivate let handshakes: CounterFamily
    private let reloads: CounterFamily
    private let expiry: GaugeFamily

    init(in registry: PrometheusRegistry, isOn: Bool) {
        handshakes = registry.counter(
            "app_tls_handshakes_total", help: "TLS handshakes, by how they ended.", labels: ["result"])
        reloads = registry.counter(
            "app_tls_reloads_total", help: "Changed certificates: in force (success), or not usable (failure).",
            labels: ["result"])
        expiry = registry.gauge(
            "app_tls_certificate_expiry_timestamp_seconds",
            help: "When the certificate in force expires, in seconds since 1970.")
        guard isOn else { return }
        for result in HandshakeResult.allCases { _ = handshakes.with(result.rawValue) }
        for result in ["success", "failure"] { _ = reloads.with(result) }
    }

    func isInForce(_ credentials: TLSCredentials) { expiry.with().set(Double(credentials.expiresAtS)) }

    func reloaded(_ isValid: Bool) { reloads.with(isValid ? "success" : "failure").increment() }
}
