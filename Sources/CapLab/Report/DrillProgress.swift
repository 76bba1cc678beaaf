import Glibc

/// Shows the progress of a drill: a bar on a terminal, otherwise one line per step.
struct DrillProgress {
    private static let barWidth = 30
    private static let maxWidth = 79

    let durationMs: Int
    let isTerminal: Bool
    private var shown = ""

    init(durationMs: Int, isTerminal: Bool = isatty(1) == 1) {
        self.durationMs = durationMs
        self.isTerminal = isTerminal
    }

    /// The bar as text, such as `[##########--------------------]  12 of 50 s  cut west`.
    static func bar(atMs timeMs: Int, of durationMs: Int, _ text: String) -> String {
        let done = min(barWidth, max(0, timeMs) * barWidth / max(1, durationMs))
        let bar = String(repeating: "#", count: done) + String(repeating: "-", count: barWidth - done)
        let line = "[\(bar)] \(timeMs / 1_000) of \(durationMs / 1_000) s  \(text)"
        return String(line.prefix(maxWidth))
    }

    /// Shows that a step has begun.
    mutating func note(_ text: String, atMs timeMs: Int) {
        shown = text
        if isTerminal { show(atMs: timeMs) } else { say("  \(timeMs / 1_000) s: \(text)") }
    }

    func show(atMs timeMs: Int) {
        guard isTerminal else { return }
        Self.overwrite(Self.bar(atMs: timeMs, of: durationMs, shown))
    }

    /// Removes the bar from the terminal.
    func end() {
        if isTerminal { Self.overwrite("") }
    }

    private static func overwrite(_ line: String) {
        // Erase the line first, because the earlier text may have been longer.
        let bytes = Array("\r\u{1B}[K\(line)".utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }
}
