/// Allows a number of lines per second and key, and counts the rest, so that a flapping replica cannot flood the log.
/// It has no clock of its own.
public struct BurstLimiter: Sendable {
    /// Lines of the same kind: one event of one node, or one message without an event.
    public struct Key: Hashable, Sendable {
        public let event: String
        public let subject: String

        public init(event: String, subject: String) {
            self.event = event
            self.subject = subject
        }
    }

    /// Dropped lines.
    public struct Suppressed: Sendable, Equatable {
        public let key: Key
        public let count: Int
    }

    /// How many lines are allowed.
    public struct Settings: Sendable {
        /// Lines per second and key, at least 1. The first lines of a burst show its cause.
        public var linesPerSecond: Int
        /// Limits of single events; `Int.max` for none (an audit trail).
        public var linesPerSecondOfEvent: [String: Int]
        /// Keys tracked at once, at least 1; further keys share one limit.
        public var maxKeys: Int

        public init(linesPerSecond: Int = 10, linesPerSecondOfEvent: [String: Int] = [:], maxKeys: Int = 256) {
            precondition(linesPerSecond >= 1 && maxKeys >= 1, "a burst limit must allow something")
            self.linesPerSecond = linesPerSecond
            self.linesPerSecondOfEvent = linesPerSecondOfEvent
            self.maxKeys = maxKeys
        }
    }

    private struct Window {
        var startMs: Int64
        var passed = 0
        var dropped = 0

        /// Over, or started in the future because the clock was set back.
        func isOver(_ nowMs: Int64) -> Bool { nowMs < startMs || nowMs - startMs >= 1_000 }
    }

    private let settings: Settings
    private var windows: [Key: Window] = [:]
    private var keysWithDrops = 0
    /// No window with dropped lines ends before this time, unless the clock is set back.
    private var nextCheckMs = Int64.max

    private static let others = Key(event: "", subject: "")

    public init(settings: Settings = Settings()) {
        self.settings = settings
    }

    /// Whether a line may be written now.
    public mutating func allows(_ key: Key, nowMs: Int64) -> Bool {
        let limit = settings.linesPerSecondOfEvent[key.event] ?? settings.linesPerSecond
        guard limit < .max else { return true }
        var key = key
        if windows[key] == nil, windows.count >= settings.maxKeys {
            windows = windows.filter { $0.value.dropped > 0 || !$0.value.isOver(nowMs) }
            if windows.count >= settings.maxKeys { key = Self.others }
        }
        var window = windows[key] ?? Window(startMs: nowMs)
        if window.isOver(nowMs) {
            window.startMs = nowMs
            window.passed = 0
        }
        defer { windows[key] = window }
        if window.passed < limit {
            window.passed += 1
            return true
        }
        if window.dropped == 0 { keysWithDrops += 1 }
        window.dropped += 1
        nextCheckMs = min(nextCheckMs, window.startMs + 1_000)
        return false
    }

    /// The lines dropped in windows that are over; each is reported once. Cheap if there are none.
    /// - Parameter all: includes the current windows; for the end of the process.
    public mutating func takeSuppressed(nowMs: Int64, all: Bool = false) -> [Suppressed] {
        guard keysWithDrops > 0 else { return [] }
        let isEarly = nowMs < nextCheckMs && nextCheckMs - nowMs <= 1_000
        guard all || !isEarly else { return [] }
        nextCheckMs = .max
        var suppressed: [Suppressed] = []
        for (key, window) in windows where window.dropped > 0 {
            guard all || window.isOver(nowMs) else {
                nextCheckMs = min(nextCheckMs, window.startMs + 1_000)
                continue
            }
            suppressed.append(Suppressed(key: key, count: window.dropped))
            windows[key] = nil
        }
        keysWithDrops -= suppressed.count
        return suppressed.sorted { ($0.key.event, $0.key.subject) < ($1.key.event, $1.key.subject) }
    }
}
