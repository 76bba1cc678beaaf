import EventLoop
import Resilience

/// Decides which events of one replica's connection are logged: changes of its state and new reasons of failures, up to
/// a limit. A summary per minute counts the other events.
///
/// A replica that is down fails once per second, and its breaker changes twice as often. Without summaries that is tens
/// of megabytes per day.
struct ConnectionLog {
    /// The events of a minute that were not logged.
    struct Summary: Equatable {
        var failures = 0
        var connections = 0
        var breakerChanges = 0
        /// The reason of the last failure that was not logged.
        var reason: String?

        var isEmpty: Bool { self == Summary() }
    }

    /// Nil before the first attempt has ended.
    private var isUp: Bool?
    /// The reasons that were logged since the replica was last connected.
    private var reasons: Set<String> = []
    private var linesLeft = Self.maxLinesPerMinute
    private var unlogged = Summary()
    private var minuteStartNs: UInt64

    /// The most lines per minute. An unstable replica changes its state with every attempt.
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

    /// Changes between open and half open are not logged, because they only show that the replica was tried.
    /// - Returns: whether to log it now.
    mutating func breakerChanged(from old: CircuitBreaker.State, to new: CircuitBreaker.State) -> Bool {
        if takeLine(old == .closed || new == .closed) { return true }
        unlogged.breakerChanges += 1
        return false
    }

    /// The summary of a minute that has ended; nil before its end, or if everything was logged. Must be called at least
    /// once per second.
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
