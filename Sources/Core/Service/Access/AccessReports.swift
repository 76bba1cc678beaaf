import HTTP
import Logging
import Telemetry

/// Reports refused requests: in the metrics, in the audit trail, and in the log. The log gets at most one line per
/// minute, with counts.
final class AccessReports {
    private let metrics: ServiceMetrics
    private let logger: Logger
    private let audit: RequestAudit?
    private let nowNs: () -> UInt64
    private var summary = MinuteSummary()

    /// - Parameters:
    ///   - audit: nil if there is no audit trail.
    ///   - nowNs: monotonic.
    init(metrics: ServiceMetrics, logger: Logger, audit: RequestAudit?, nowNs: @escaping () -> UInt64) {
        self.metrics = metrics
        self.logger = logger
        self.audit = audit
        self.nowNs = nowNs
    }

    func refused(_ refusal: AccessRefusal, _ request: Request) {
        metrics.accessRefusals.with(refusal.name).increment()
        audit?.refused(refusal, request)
        guard let counts = summary.add(refusal.name, atNs: nowNs()) else { return }
        logger.event(
            .accessRefused, .warning, "requests were refused: by host, origin or token",
            counts.mapValues { .stringConvertible($0) })
    }

    func authenticated(_ request: Request) { audit?.authenticated(request) }
}
