import EventLoop
import Replication
import Resilience

/// Judges one replica by its replies: circuit breaker, latency, stalls.
struct LinkHealth {
    var breaker: CircuitBreaker
    /// A running estimate; `.max` before the first reply.
    private(set) var latencyNs: UInt64 = .max
    private var lastReplyNs: UInt64 = 0
    /// The oldest command is late, which has been counted as a failure.
    private var isLate = false
    /// So was the command whose reply came last.
    private(set) var wasLastReplyLate = false
    private let callTimeoutNs: UInt64
    private let stallTimeoutNs: UInt64

    init(_ settings: RedisGroupSettings) {
        breaker = CircuitBreaker(settings: settings.breaker)
        callTimeoutNs = settings.timeouts.callMs * nsPerMs
        stallTimeoutNs = settings.timeouts.stallMs * nsPerMs
    }

    /// A class of latency: 0 below 1 ms, one more for each doubling, 64 where it is unknown.
    var distance: Int { latencyNs == .max ? 64 : 64 - (latencyNs / nsPerMs).leadingZeroBitCount }

    // MARK: Replies

    mutating func didReceiveReply(atNs nowNs: UInt64) {
        lastReplyNs = nowNs
        wasLastReplyLate = isLate
        isLate = false
    }

    /// - Parameter isUp: the connection serves users, so that its replies count as successes.
    mutating func measure(sentNs: UInt64, nowNs: UInt64, isUp: Bool) {
        let tookNs = nowNs &- sentNs
        latencyNs = latencyNs == .max ? tookNs : latencyNs - latencyNs / 8 + tookNs / 8
        // A late reply has been counted as a failure, and so have those that waited behind it. A reply to a command
        // that was sent before the breaker's last transition says nothing about the present.
        guard isUp, breaker.state == .closed, !wasLastReplyLate, tookNs <= callTimeoutNs else { return }
        guard sentNs >= breaker.lastTransition?.atNs ?? 0 else { return }
        breaker.recordSuccess(nowNs: nowNs, generation: breaker.generation)
    }

    mutating func didLoseConnection() {
        latencyNs = .max
        isLate = false
    }

    // MARK: Silence

    enum Silence {
        case none
        /// Reported once per command.
        case late
        case stalled
    }

    /// Judges the replica by what it does for its oldest command. Call it after everything that has arrived was read:
    /// otherwise a pause of this process would look like silence.
    ///
    /// - Parameter progressNs: see ``UnansweredCommands/progressNs``; may be later than `nowNs`.
    mutating func judge(progressNs: UInt64, nowNs: UInt64) -> Silence {
        let silentNs = nowNs - min(nowNs, progressNs)
        if silentNs > stallTimeoutNs { return .stalled }
        guard silentNs > callTimeoutNs, !isLate else { return .none }
        isLate = true
        return .late
    }

    func isIdle(forNs durationNs: UInt64, nowNs: UInt64) -> Bool { nowNs &- lastReplyNs >= durationNs }
}
