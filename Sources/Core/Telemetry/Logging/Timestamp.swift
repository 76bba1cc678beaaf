import Glibc

/// A moment as text, in UTC. It is limited to the years 1970 to 9999, in which every field has a fixed width.
struct Timestamp {
    /// Milliseconds since 1970 (UTC).
    let unixMs: Int64

    /// `2026-03-01T12:34:56.789Z` (RFC 3339).
    var dateAndTime: String { text(format: "%Y-%m-%dT%H:%M:%S") }

    /// `12:34:56.789Z`.
    var timeOfDay: String { text(format: "%H:%M:%S") }

    private func text(format: String) -> String {
        let bounded = min(253_402_300_799_999, max(0, unixMs))
        var seconds = time_t(bounded / 1_000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            strftime(buffer.baseAddress, buffer.count, format, &fields)
            return String(cString: buffer.baseAddress!)
        }
        return "\(text).\(String(1_000 + bounded % 1_000).dropFirst())Z"
    }
}
