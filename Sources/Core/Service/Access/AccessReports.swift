import EventLoop
import HTTP
import Logging
import Telemetry

/// Reports refused requests: in the metrics, in the audit trail, and in the log, where a summary per minute follows the
/// first one.
final class AccessReports {
    private static let periodNs = 60_000 * nsPerMs
    private let metrics: ServiceMetrics
    private let logger: Logger
    private let audit: RequestAudit?
    private let nowNs: () -> UInt64
    private var counts: [String: Int] = [:]
    private var nextNs: UInt64 = 0

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
        counts[refusal.name, default: 0] += 1
        guard nowNs() >= nextNs else { return }
        logger.event(
            .accessRefused, .warning, "requests were refused: by host, origin or token",
            counts.mapValues { .stringConvertible($0) })
        counts = [:]
        nextNs = nowNs() + Self.periodNs
    }

    func authenticated(_ request: Request) { audit?.authenticated(request) }
}
