import EventLoop
import Replication
import Resilience

/// The health of one replica as its replies show it: the state of its circuit breaker, its latency, and stalls.
struct LinkHealth {
    var breaker: CircuitBreaker
    /// A moving average of the latency; `.max` before the first reply of a connection.
    private(set) var latencyNs: UInt64 = .max
    private var lastReplyNs: UInt64 = 0
    /// True if the oldest unanswered command is late. It has already been counted as a failure.
    private var isLate = false
    /// True if the command whose reply came last was late.
    private(set) var wasLastReplyLate = false
    private let callTimeoutNs: UInt64
    private let stallTimeoutNs: UInt64

    init(_ settings: RedisGroupSettings) {
        breaker = CircuitBreaker(settings: settings.breaker)
        callTimeoutNs = settings.timeouts.callMs * nsPerMs
        stallTimeoutNs = settings.timeouts.stallMs * nsPerMs
    }

    /// A class of latency: 0 below 1 ms, one more for each doubling, 64 if the latency is unknown.
    var distance: Int { latencyNs == .max ? 64 : 64 - (latencyNs / nsPerMs).leadingZeroBitCount }

    // MARK: Replies

    mutating func didReceiveReply(atNs nowNs: UInt64) {
        lastReplyNs = nowNs
        wasLastReplyLate = isLate
        isLate = false
    }

    /// - Parameter isUp: true if the connection serves requests of users. Only then do its replies count as successes.
    mutating func measure(sentNs: UInt64, nowNs: UInt64, isUp: Bool) {
        let tookNs = nowNs &- sentNs
        latencyNs = latencyNs == .max ? tookNs : latencyNs - latencyNs / 8 + tookNs / 8
        // A late reply is not a success: it was counted as a failure, together with the commands that waited behind it.
        // A reply to a command that was sent before the breaker's last transition is not a success either: it does not
        // show the current state.
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
        /// The oldest command is late. This is reported once per command.
        case late
        case stalled
    }

    /// Judges the replica by its progress on the oldest unanswered command. Call this only after all data that has
    /// arrived was read. Otherwise a pause of this process would look like silence of the replica.
    ///
    /// - Parameter progressNs: see ``UnansweredCommands/progressNs``. May be later than `nowNs`.
    mutating func judge(progressNs: UInt64, nowNs: UInt64) -> Silence {
        let silentNs = nowNs - min(nowNs, progressNs)
        if silentNs > stallTimeoutNs { return .stalled }
        guard silentNs > callTimeoutNs, !isLate else { return .none }
        isLate = true
        return .late
    }

    func isIdle(forNs durationNs: UInt64, nowNs: UInt64) -> Bool { nowNs &- lastReplyNs >= durationNs }
}
