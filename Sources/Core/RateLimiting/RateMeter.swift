/// Decides whether a client keeps to one limit, by the generic cell rate algorithm as a leaky bucket.
///
/// Source: ITU-T I.371, annex A; ATM Forum, Traffic Management 4.0, section 4.4.2. A permit is granted if it fits into
/// the bucket. In any period of length `t`, at most `burst + rate × t` permits are granted. The arithmetic is exact:
/// the unit of the backlog is 1/limit of a nanosecond. The caller passes the time.
public struct RateMeter: Sendable, Equatable {
    public let policy: RatePolicy
    /// The granted permits that have not drained. A permit adds the window in nanoseconds, and each nanosecond drains
    /// `limit`.
    private var backlog: UInt64 = 0
    private var lastNs: UInt64 = 0

    public init(_ policy: RatePolicy) { self.policy = policy }

    private var capacity: UInt64 { policy.burst * policy.windowNs }

    /// The backlog at `nowNs`. A time before `lastNs` counts as `lastNs`.
    private func backlog(atNs nowNs: UInt64) -> UInt64 {
        let (drained, isOverflow) = (nowNs - min(nowNs, lastNs)).multipliedReportingOverflow(by: policy.limit)
        return isOverflow || drained >= backlog ? 0 : backlog - drained
    }

    /// Permits that could be granted now.
    public func available(atNs nowNs: UInt64) -> UInt64 {
        let backlog = backlog(atNs: nowNs)
        return backlog >= capacity ? 0 : (capacity - backlog) / policy.windowNs
    }

    /// Grants `count` permits, even beyond the limit: call ``available(atNs:)`` first.
    public mutating func grant(_ count: UInt64, atNs nowNs: UInt64) {
        let (added, isOverflow) = count.multipliedReportingOverflow(by: policy.windowNs)
        let (sum, isSumOverflow) = backlog(atNs: nowNs).addingReportingOverflow(added)
        backlog = isOverflow || isSumOverflow ? capacity : min(sum, capacity)
        lastNs = max(lastNs, nowNs)
    }

    /// Sets the state to that of the meter on the replica.
    /// - Parameter backlogUs: the backlog in the script's reply, in 1/limit of a microsecond.
    mutating func set(backlogUs: UInt64, atNs nowNs: UInt64) {
        let (backlogNs, isOverflow) = backlogUs.multipliedReportingOverflow(by: 1_000)
        backlog = isOverflow ? capacity : min(backlogNs, capacity)
        lastNs = nowNs
    }

    /// When the next permit is due; `nowNs` if one is available.
    public func dueNs(atNs nowNs: UInt64) -> UInt64 {
        let (backlog, room) = (backlog(atNs: nowNs), capacity - policy.windowNs)
        return backlog <= room ? nowNs : nowNs + Self.time(toDrain: backlog - room, policy.limit)
    }

    /// The time until the full burst is available, in nanoseconds.
    public func refillNs(atNs nowNs: UInt64) -> UInt64 { Self.time(toDrain: backlog(atNs: nowNs), policy.limit) }

    private static func time(toDrain backlog: UInt64, _ limit: UInt64) -> UInt64 {
        backlog / limit + (backlog % limit == 0 ? 0 : 1)
    }
}

/// The meters of one client.
struct RateMeters: Sendable, Equatable {
    private(set) var minute: RateMeter?
    private(set) var hour: RateMeter?

    init(_ limits: RateLimits) {
        minute = limits.minute.map(RateMeter.init)
        hour = limits.hour.map(RateMeter.init)
    }

    /// Takes one permit of each meter. Returns false, and takes none, if one of the meters has no permit.
    mutating func take(atNs nowNs: UInt64) -> Bool {
        guard minute?.available(atNs: nowNs) != 0, hour?.available(atNs: nowNs) != 0 else { return false }
        minute?.grant(1, atNs: nowNs)
        hour?.grant(1, atNs: nowNs)
        return true
    }

    mutating func set(_ reply: PermitReply, atNs nowNs: UInt64) {
        minute?.set(backlogUs: reply.minuteBacklogUs, atNs: nowNs)
        hour?.set(backlogUs: reply.hourBacklogUs, atNs: nowNs)
    }

    /// The time at which every meter has a permit.
    func dueNs(atNs nowNs: UInt64) -> UInt64 {
        max(minute?.dueNs(atNs: nowNs) ?? nowNs, hour?.dueNs(atNs: nowNs) ?? nowNs)
    }

    /// The window whose next permit is due last; the minute if both are due at the same time.
    func exhausted(atNs nowNs: UInt64) -> RatePolicy.Window {
        guard let hour, let minute else { return hour == nil ? .minute : .hour }
        return hour.dueNs(atNs: nowNs) > minute.dueNs(atNs: nowNs) ? .hour : .minute
    }

    /// How long permits can accrue after the first one until a bucket is empty, so that further permits are lost, in
    /// nanoseconds.
    var accrualNs: UInt64 {
        [minute, hour].compactMap { $0 }.map { ($0.policy.burst - 1) * $0.policy.windowNs / $0.policy.limit }.min() ?? 0
    }
}
