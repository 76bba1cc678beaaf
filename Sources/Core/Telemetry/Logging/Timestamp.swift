import Glibc

/// Wall-clock times as text, in UTC with milliseconds.
enum Timestamp {
    /// `2026-03-01T12:34:56.789Z` (RFC 3339).
    static func dateAndTime(unixMs: Int64) -> String { text(unixMs, "%Y-%m-%dT%H:%M:%S") }

    /// `12:34:56.789Z`.
    static func time(unixMs: Int64) -> String { text(unixMs, "%H:%M:%S") }

    /// Limited to the years 1970 to 9999, where every field has its fixed width.
    private static func text(_ unixMs: Int64, _ format: String) -> String {
        let bounded = min(253_402_300_799_999, max(0, unixMs))
        var seconds = time_t(bounded / 1_000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            strftime(buffer.baseAddress, buffer.count, format, &fields)
            return String(cString: buffer.baseAddress!)
        }
        let ms = String(bounded % 1_000)
        return text + "." + String(repeating: "0", count: 3 - ms.utf8.count) + ms + "Z"
    }
}
