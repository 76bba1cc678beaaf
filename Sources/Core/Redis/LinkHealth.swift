import EventLoop
import Replication
import Resilience

/// Judges one replica by its replies: circuit breaker, latency, stalls.
struct LinkHealth {
    var breaker: CircuitBreaker
    /// A running estimate; `.max` before the first reply.
    private(set) var latencyNs: UInt64 = .max
    private var lastReplyNs: UInt64 = 0
    /// Late commands that were sent up to this time have been counted as failures.
    private var lateCountedUpToNs: UInt64 = 0
    private let callTimeoutNs: UInt64
    private let stallTimeoutNs: UInt64

    init(_ settings: RedisGroupSettings) {
        breaker = CircuitBreaker(settings: settings.breaker)
        callTimeoutNs = settings.callTimeoutMs * nsPerMs
        stallTimeoutNs = settings.stallTimeoutMs * nsPerMs
    }

    /// A class of latency: 0 below 1 ms, one more for each doubling, 64 where it is unknown.
    var distance: Int { latencyNs == .max ? 64 : 64 - (latencyNs / nsPerMs).leadingZeroBitCount }

    // MARK: Replies

    mutating func didReceiveReply(atNs nowNs: UInt64) { lastReplyNs = nowNs }

    /// - Parameter isUp: the connection serves users, so that its replies count as successes.
    mutating func measure(sentNs: UInt64, nowNs: UInt64, isUp: Bool) {
        let tookNs = nowNs &- sentNs
        latencyNs = latencyNs == .max ? tookNs : latencyNs - latencyNs / 8 + tookNs / 8
        // A late reply has been counted as a failure. A reply to a command that was sent before the breaker's last
        // transition says nothing about the present.
        guard isUp, breaker.state == .closed, isInTime(sentNs: sentNs, nowNs: nowNs) else { return }
        guard sentNs >= breaker.lastTransition?.atNs ?? 0 else { return }
        breaker.recordSuccess(nowNs: nowNs, generation: breaker.generation)
    }

    func isInTime(sentNs: UInt64, nowNs: UInt64) -> Bool { nowNs &- sentNs <= callTimeoutNs }

    mutating func didLoseConnection() { latencyNs = .max }

    // MARK: Silence

    /// - Parameter oldestNs: when the oldest unanswered command was sent.
    func isStalled(oldestNs: UInt64, nowNs: UInt64) -> Bool {
        nowNs &- max(oldestNs, lastReplyNs) > stallTimeoutNs
    }

    func isIdle(forNs durationNs: UInt64, nowNs: UInt64) -> Bool { nowNs &- lastReplyNs >= durationNs }

    /// The number of commands that have become late since the last call: each is counted once.
    mutating func countLate(on connection: RedisConnection, nowNs: UInt64) -> Int {
        let lateBeforeNs = nowNs &- callTimeoutNs
        let late = connection.countSent(afterNs: lateCountedUpToNs, upToNs: lateBeforeNs)
        lateCountedUpToNs = max(lateCountedUpToNs, lateBeforeNs)
        return min(late, breaker.settings.failureThreshold)
    }
}
