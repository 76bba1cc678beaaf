import EventLoop
import Resilience

/// Decides what is logged of one replica's connection: each change of its state and each new reason of a failure, and
/// one summary per minute of the rest.
///
/// A replica that is down fails once per second, and its breaker changes twice as often. Without summaries that is tens
/// of megabytes per day.
struct ConnectionLog {
    /// What was not logged in a minute.
    struct Summary: Equatable {
        var failures = 0
        var connections = 0
        var breakerChanges = 0
        /// Of the last failure.
        var reason: String?

        var isEmpty: Bool { self == Summary() }
    }

    /// Nil before the first attempt has ended.
    private var isUp: Bool?
    /// Those logged since the replica was last connected.
    private var reasons: Set<String> = []
    private var linesLeft = Self.maxLinesPerMinute
    private var unlogged = Summary()
    private var minuteStartNs: UInt64

    /// A replica that comes and goes changes its state with every attempt.
    static let maxLinesPerMinute = 12
    static let maxReasons = 6

    init(nowNs: UInt64) { minuteStartNs = nowNs }

    /// - Returns: whether to log it now.
    mutating func failed(reason: String) -> Bool {
        let isNews = isUp != false || (!reasons.contains(reason) && reasons.count < Self.maxReasons)
        isUp = false
        if takeLine(isNews) {
            reasons.insert(reason)
            return true
        }
        unlogged.failures += 1
        unlogged.reason = reason
        return false
    }

    /// - Returns: whether to log it now.
    mutating func connected() -> Bool {
        let isNews = isUp != true
        isUp = true
        reasons = []
        if takeLine(isNews) { return true }
        unlogged.connections += 1
        return false
    }

    /// An open breaker that is half open for a trial is no news.
    /// - Returns: whether to log it now.
    mutating func breakerChanged(from old: CircuitBreaker.State, to new: CircuitBreaker.State) -> Bool {
        if takeLine(old == .closed || new == .closed) { return true }
        unlogged.breakerChanges += 1
        return false
    }

    /// The summary of a minute that is over; nil if everything was logged. To be called at least once per second.
    mutating func takeSummary(nowNs: UInt64) -> Summary? {
        guard nowNs &- minuteStartNs >= 60_000 * nsPerMs else { return nil }
        minuteStartNs = nowNs
        linesLeft = Self.maxLinesPerMinute
        defer { unlogged = Summary() }
        return unlogged.isEmpty ? nil : unlogged
    }

    private mutating func takeLine(_ isNews: Bool) -> Bool {
        guard isNews, linesLeft > 0 else { return false }
        linesLeft -= 1
        return true
    }
}
