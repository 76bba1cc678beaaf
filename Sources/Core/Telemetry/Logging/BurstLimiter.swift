/// Lets a number of lines a second through for each key and counts the rest, so that a replica that flaps cannot flood
/// the log. A value without a clock.
public struct BurstLimiter: Sendable {
    /// What counts as the same line again: one event about one node, or one message that is no event.
    public struct Key: Hashable, Sendable {
        public let event: String
        public let subject: String

        public init(event: String, subject: String) {
            self.event = event
            self.subject = subject
        }
    }

    /// Lines that were left out.
    public struct Suppressed: Sendable, Equatable {
        public let key: Key
        public let count: Int
    }

    /// How many lines are let through.
    public struct Settings: Sendable {
        /// Lines a second of one key, 1 or more. The first of a burst are those that tell what began it.
        public var linesPerSecond: Int
        /// Other numbers for some events; `Int.max` for no limit (an audit trail).
        public var linesPerSecondOfEvent: [String: Int]
        /// Keys watched at once, 1 or more; past it all further keys share one allowance.
        public var maxKeys: Int

        public init(linesPerSecond: Int = 10, linesPerSecondOfEvent: [String: Int] = [:], maxKeys: Int = 256) {
            precondition(linesPerSecond >= 1 && maxKeys >= 1, "a burst limit must let something through")
            self.linesPerSecond = linesPerSecond
            self.linesPerSecondOfEvent = linesPerSecondOfEvent
            self.maxKeys = maxKeys
        }
    }

    private struct Window {
        var startMs: Int64
        var passed = 0
        var dropped = 0

        /// Over, or begun in what is now the future: the clock was set back.
        func isOver(_ nowMs: Int64) -> Bool { nowMs < startMs || nowMs - startMs >= 1_000 }
    }

    private let settings: Settings
    private var windows: [Key: Window] = [:]
    private var keysWithDrops = 0
    /// No second with lines left out is over before this time, unless the clock is set back.
    private var nextLookMs = Int64.max

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
        nextLookMs = min(nextLookMs, window.startMs + 1_000)
        return false
    }

    /// The lines left out in seconds that are over; each is told once. Cheap where there are none.
    /// - Parameter all: also those of seconds still under way; for the end of the process.
    public mutating func takeSuppressed(nowMs: Int64, all: Bool = false) -> [Suppressed] {
        guard keysWithDrops > 0 else { return [] }
        let isEarly = nowMs < nextLookMs && nextLookMs - nowMs <= 1_000
        guard all || !isEarly else { return [] }
        nextLookMs = .max
        var suppressed: [Suppressed] = []
        for (key, window) in windows where window.dropped > 0 {
            guard all || window.isOver(nowMs) else {
                nextLookMs = min(nextLookMs, window.startMs + 1_000)
                continue
            }
            suppressed.append(Suppressed(key: key, count: window.dropped))
            windows[key] = nil
        }
        keysWithDrops -= suppressed.count
        return suppressed.sorted { ($0.key.event, $0.key.subject) < ($1.key.event, $1.key.subject) }
    }
}
