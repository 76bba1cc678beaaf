import EventLoop
import HTTP
import Logging
import RateLimiting
import Replication

/// Applies the rate limits per client. Rejects requests above them with 429, and adds the remaining quota to each
/// response.
///
/// A client is identified by the name of its token, or by its address if there is no valid token.
final class RequestLimits: RequestLimiter {
    private let limiter: ClientLimiter
    private let fields: QuotaFields
    private let policyField: Header
    private let metrics: LimitMetrics
    private let logger: Logger
    private let scheduler: any Scheduler
    private var summary = MinuteSummary()

    /// - Parameters:
    ///   - replicaTimeoutMs: `REPLICA_TIMEOUT_MS`; a request waits at most a fifth of it for one replica.
    ///   - secret: equal for all instances of the group; may be empty.
    init(
        _ limits: RateLimits, group: any ReplicaGroup, scheduler: any Scheduler, replicaTimeoutMs: UInt64,
        secret: String, metrics: LimitMetrics, logger: Logger
    ) {
        limiter = ClientLimiter(
            limits, group: group, scheduler: scheduler, secret: secret,
            replicaTimeoutNs: max(1, replicaTimeoutMs / 5) * nsPerMs
        ) { isAnswered in
            metrics.calls.with(isAnswered ? "answered" : "failed").increment()
        }
        fields = QuotaFields(limits)
        policyField = Header(QuotaFields.policyName, fields.policy)
        self.metrics = metrics
        self.logger = logger
        self.scheduler = scheduler
    }

    func check(_ request: Request) throws(Problem) {
        if let quota = limiter.refusal(of: client(of: request)) { throw refuse(request, quota) }
    }

    func admitAtOnce(_ request: Request) throws(Problem) -> Bool {
        guard let verdict = limiter.decide(client(of: request)) else { return false }
        try apply(verdict, to: request)
        return true
    }

    func admit(_ request: Request) async throws(Problem) {
        try apply(await limiter.ask(client(of: request)), to: request)
    }

    func charge(_ request: Request) throws(Problem) {
        guard try !admitAtOnce(request) else { return }
        // The response need not wait for the permit. If the replicas grant none, a later request is refused.
        let client = client(of: request)
        scheduler.spawn { [limiter] in _ = await limiter.ask(client) }
    }

    private func apply(_ verdict: ClientLimiter.Verdict, to request: Request) throws(Problem) {
        switch verdict {
        case .admitted(let quota): setFields(of: request, quota)
        case .refused(let quota): throw refuse(request, quota)
        }
    }

    private func client(of request: Request) -> LimitedClient {
        request.principal.map { .token(name: $0.name) } ?? .address(request.client)
    }

    private func setFields(of request: Request, _ quota: Quota) {
        request.quotaFields = [policyField, Header(QuotaFields.quotaName, fields.quota(quota))]
    }

    private func refuse(_ request: Request, _ quota: Quota) -> Problem {
        setFields(of: request, quota)
        let window = quota.exhausted
        metrics.limited.with(window.rawValue).increment()
        if let counts = summary.add(window.rawValue, atNs: scheduler.nowNs) {
            logger.event(
                .rateLimited, .warning, "clients sent more requests than their limits allow",
                counts.mapValues { .stringConvertible($0) })
        }
        // A permit may have accrued since the decision.
        return Self.problem(window, retryAfterS: max(1, Int(clamping: quota.retryAfterS)))
    }

    private static func problem(_ window: RatePolicy.Window, retryAfterS: Int) -> Problem {
        Problem(
            status: 429, code: "rate_limited", detail: "more requests per \(window.rawValue) than allowed",
            retryAfterS: retryAfterS)
    }

    var problems: [DeclaredProblem] { [DeclaredProblem(Self.problem(.minute, retryAfterS: 1))] }

    var headers: [DeclaredHeader] {
        [
            DeclaredHeader(
                QuotaFields.policyName, "The limits of this client (draft-ietf-httpapi-ratelimit-headers).",
                example: .string(fields.policy), isRequired: false),
            DeclaredHeader(
                QuotaFields.quotaName,
                "`r`: requests that the client may send at once; `t`: seconds until its full burst is available.",
                example: "\"minute\";r=599;t=1", isRequired: false),
        ]
    }
}
