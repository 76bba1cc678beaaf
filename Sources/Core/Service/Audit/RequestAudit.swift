import HTTP
import Replication
import Telemetry

/// Records the changes, refusals and authentications of one reactor in the audit trail.
final class RequestAudit {
    private let trail: AuditTrail
    /// Addresses that sent a wrong token, and have not sent a valid one afterwards.
    private var failed: Set<ClientAddress> = []

    /// Anybody can cause refusals. Without a limit, their lines would soon push those of the changes out of the files
    /// that are kept.
    private var refusals = RefusalBudget()
    private let nowNs: () -> UInt64

    private static let maxFailed = 1_024

    /// - Parameter nowNs: returns the time on a monotonic clock.
    init(_ trail: AuditTrail, nowNs: @escaping () -> UInt64) {
        self.trail = trail
        self.nowNs = nowNs
    }

    /// Called when the handler of a change ends. Does nothing if the service cut it off before: the trail then says so.
    /// - Parameters:
    ///   - key: nil if the request has no valid key.
    ///   - code: the code of the problem; nil if there is none.
    func changed(_ action: AuditRecord.Action, key: Bytes?, outcome: Outcome, code: String?, by request: Request) {
        guard !request.isAudited else { return }
        request.isAudited = true
        trail.record(
            AuditRecord(
                action, client: Self.client(of: request), key: key, outcome: outcome.rawValue, code: code,
                traceID: request.trace?.traceID.description))
    }

    func refused(_ refusal: AccessRefusal, _ request: Request) {
        if case .token = refusal {
            if failed.count >= Self.maxFailed, let any = failed.first { failed.remove(any) }
            failed.insert(request.client)
        }
        guard let suppressed = refusals.take(atNs: nowNs()) else { return }
        var record = AuditRecord(
            .refuse, client: Self.client(of: request), outcome: "failure", code: refusal.name,
            traceID: request.trace?.traceID.description)
        record.suppressed = suppressed
        trail.record(record)
    }

    /// Called for a change that is refused before its handler runs, such as 413 or 503. Like other refusals, these have
    /// a limited number of lines.
    /// - Parameter operation: other operations than those of changes get no line.
    func refusedChange(_ operation: String, _ request: Request, code: String?) {
        guard !request.isAudited, let action = AuditRecord.Action(change: operation) else { return }
        request.isAudited = true
        guard let suppressed = refusals.take(atNs: nowNs()) else { return }
        var record = changeRecord(action, of: request, outcome: .notApplied, code: code)
        record.suppressed = suppressed
        trail.record(record)
    }

    /// Called for a request whose handler still runs when the service stops. The outcome of a change is then unknown.
    func cutOff(_ operation: String, _ request: Request, code: String?) {
        guard !request.isAudited, let action = AuditRecord.Action(change: operation) else { return }
        request.isAudited = true
        trail.record(changeRecord(action, of: request, outcome: .unknown, code: code))
    }

    private func changeRecord(
        _ action: AuditRecord.Action, of request: Request, outcome: Outcome, code: String?
    ) -> AuditRecord {
        let key = (try? request.segment(1)).flatMap {
            (1...KeyValueParameters.maxKeyBytes).contains($0.count) ? $0 : nil
        }
        return AuditRecord(
            action, client: Self.client(of: request), key: key, outcome: outcome.rawValue, code: code,
            traceID: request.trace?.traceID.description)
    }

    /// Called for a request with a valid token and scope. Only the first one of an address after wrong tokens is
    /// recorded.
    func authenticated(_ request: Request) {
        guard !failed.isEmpty, failed.remove(request.client) != nil else { return }
        trail.record(
            AuditRecord(
                .authenticate, client: Self.client(of: request), outcome: "success",
                traceID: request.trace?.traceID.description))
    }

    func replacedCredentials(_ isValid: Bool) {
        trail.record(AuditRecord(.replaceCredentials, outcome: isValid ? "success" : "failure"))
    }

    func replacedCertificate(_ isValid: Bool) {
        trail.record(AuditRecord(.replaceCertificate, outcome: isValid ? "success" : "failure"))
    }

    /// The sender of a request: the name of its token, or its address.
    private static func client(of request: Request) -> String {
        request.principal?.name ?? request.client.description
    }
}

extension AuditRecord.Action {
    /// - Parameter operation: the operation of an endpoint; nil unless it is one that changes a key.
    fileprivate init?(change operation: String) {
        guard ["write", "delete"].contains(operation) else { return nil }
        self.init(rawValue: operation)
    }
}

/// Limits the lines for refusals to ``maxPerMinute`` in each minute.
struct RefusalBudget {
    static let maxPerMinute = 60
    private static let minuteNs: UInt64 = 60_000_000_000
    private var windowNs: UInt64?
    private var count = 0
    private var suppressed = 0

    /// - Returns: nil if this refusal gets no line; otherwise how many refusals since the last line got none.
    mutating func take(atNs nowNs: UInt64) -> Int? {
        if windowNs.map({ nowNs >= $0 + Self.minuteNs }) ?? true { (windowNs, count) = (nowNs, 0) }
        guard count < Self.maxPerMinute else {
            suppressed += 1
            return nil
        }
        count += 1
        defer { suppressed = 0 }
        return suppressed
    }
}
