/// Allows ten lines per second and key, and counts the rest, so that a flapping replica cannot flood the log. The first
/// lines of a burst show its cause.
struct BurstLimiter: Sendable {
    /// Identifies lines of the same kind: those with the same event and node, or, without an event, those that begin
    /// with the same text.
    struct Key: Hashable, Sendable {
        let event: String
        let subject: String
    }

    private struct Window {
        var startMs: Int64
        var passed = 0
        var dropped = 0

        /// True if the window is over, or if it started in the future because the clock was set back.
        func isOver(_ nowMs: Int64) -> Bool { nowMs < startMs || nowMs - startMs >= 1_000 }
    }

    private var windows: [Key: Window] = [:]

    static let linesPerSecond = 10
    /// The most keys that are tracked at once. Further keys share one limit.
    static let maxKeys = 256
    private static let others = Key(event: "", subject: "")

    /// Decides whether a line may be written now, and counts the line.
    mutating func allows(_ key: Key, nowMs: Int64) -> Bool {
        let key = windows[key] == nil && windows.count >= Self.maxKeys ? Self.others : key
        var window = windows[key] ?? Window(startMs: nowMs)
        if window.isOver(nowMs) {
            window.startMs = nowMs
            window.passed = 0
        }
        let isAllowed = window.passed < Self.linesPerSecond
        if isAllowed { window.passed += 1 } else { window.dropped += 1 }
        windows[key] = window
        return isAllowed
    }

    /// The number of lines that were dropped in each window that is over. Forgets these windows. Call it once per
    /// second.
    /// - Parameter all: true to include the current windows, at the end of the process.
    mutating func takeDropped(nowMs: Int64, all: Bool = false) -> [(key: Key, count: Int)] {
        let ended = windows.filter { all || $0.value.isOver(nowMs) }
        for key in ended.keys { windows[key] = nil }
        return ended.filter { $0.value.dropped > 0 }.map { ($0.key, $0.value.dropped) }
            .sorted { ($0.key.event, $0.key.subject) < ($1.key.event, $1.key.subject) }
    }
}
