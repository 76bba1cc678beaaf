import EventLoop

/// The limits of one client, as one instance sees them. A value without I/O: the caller asks the replicas.
///
/// The instance holds a lease: permits that a replica granted for a short time. So at high limits, most requests need
/// no call.
struct ClientLimit {
    enum Decision: Equatable {
        case admit
        case refuse
        /// Ask the replicas, then ``granted(_:forWaiting:atNs:)`` or ``replicasFailed(atNs:)``.
        case ask
    }

    private struct Lease {
        var permits = 0
        var endNs: UInt64 = 0
    }

    /// Counts the requests in periods of 0.1 s. A lease is as large as the demand of one period, up to a limit.
    private struct Usage {
        private var startNs: UInt64 = 0
        private var count = 0
        private var countBefore = 0
        private static let periodNs = 100 * nsPerMs

        mutating func add(atNs nowNs: UInt64) {
            let elapsedNs = nowNs - min(nowNs, startNs)
            if elapsedNs >= Self.periodNs {
                (countBefore, count) = (elapsedNs < 2 * Self.periodNs ? count : 0, 0)
                startNs = nowNs
            }
            count += 1
        }

        var perPeriod: Int { max(count, countBefore) }
    }

    private let maxLease: Int
    /// The meters as of the last reply of a replica. While no replica replies, this process continues to use them.
    private(set) var meters: RateMeters
    private var lease = Lease()
    private var usage = Usage()
    /// Requests are refused until this time.
    private(set) var refusedUntilNs: UInt64 = 0
    /// Until this time, the limits apply in this process alone.
    private var localUntilNs: UInt64 = 0

    static let leaseNs = 1_000 * nsPerMs
    static let localNs = 250 * nsPerMs
    /// The longest time for which requests are still refused after the next permit is due. Meanwhile more permits
    /// accrue, so that a flood costs few calls.
    static let maxAccrualNs = 10 * nsPerMs

    init(_ limits: RateLimits) {
        maxLease = limits.maxLease
        meters = RateMeters(limits)
    }

    /// The number of permits that this instance holds.
    func leased(atNs nowNs: UInt64) -> Int { nowNs < lease.endNs ? lease.permits : 0 }

    /// Whether it is already certain that ``decide(atNs:)`` would refuse a request. Changes nothing.
    func isRefused(atNs nowNs: UInt64) -> Bool { nowNs < refusedUntilNs }

    func isLocal(atNs nowNs: UInt64) -> Bool { nowNs < localUntilNs }

    /// Decides on a request that has arrived.
    mutating func decide(atNs nowNs: UInt64) -> Decision {
        if isRefused(atNs: nowNs) { return .refuse }
        usage.add(atNs: nowNs)
        if leased(atNs: nowNs) > 0 {
            lease.permits -= 1
            return .admit
        }
        guard isLocal(atNs: nowNs) else { return .ask }
        if meters.take(atNs: nowNs) { return .admit }
        refusedUntilNs = meters.dueNs(atNs: nowNs)
        return .refuse
    }

    /// How many permits to ask for: at least one for each waiting request.
    func wanted(waiting: Int) -> Int { max(min(usage.perPeriod, maxLease), waiting, 1) }

    /// Whether to ask before the lease runs out, so that requests need not wait for the reply.
    func needsRenewal(atNs nowNs: UInt64) -> Bool {
        let wanted = min(usage.perPeriod, maxLease)
        return wanted > 1 && lease.permits <= wanted / 2 && !isLocal(atNs: nowNs) && !isRefused(atNs: nowNs)
    }

    /// Records the reply of a replica.
    /// - Parameter waiting: the number of requests that wait for the reply; the first ones are admitted.
    /// - Returns: how many of them are admitted.
    mutating func granted(_ reply: PermitReply, forWaiting waiting: Int, atNs nowNs: UInt64) -> Int {
        meters.set(reply, atNs: nowNs)
        lease = Lease(permits: leased(atNs: nowNs) + reply.granted, endNs: nowNs + Self.leaseNs)
        let admitted = min(waiting, lease.permits)
        lease.permits -= admitted
        if reply.granted == 0, lease.permits == 0 { refuse(atNs: nowNs) }
        return admitted
    }

    private mutating func refuse(atNs nowNs: UInt64) {
        let dueNs = meters.dueNs(atNs: nowNs)
        refusedUntilNs = dueNs + min(Self.maxAccrualNs, meters.accrualNs / 2)
    }

    /// Called when no replica has replied in time: for ``localNs``, the limits apply in this process alone.
    /// - Returns: how many of the waiting requests are admitted.
    mutating func replicasFailed(waiting: Int, atNs nowNs: UInt64) -> Int {
        localUntilNs = nowNs + Self.localNs
        var admitted = min(waiting, leased(atNs: nowNs))
        lease.permits -= admitted
        while admitted < waiting, meters.take(atNs: nowNs) { admitted += 1 }
        if admitted < waiting { refusedUntilNs = meters.dueNs(atNs: nowNs) }
        return admitted
    }
}
