import EventLoop

/// Decides when counts are logged. The first event is logged at once. Later ones are counted, and the first event after
/// a minute logs the counts.
struct MinuteSummary {
    private static let periodNs = 60_000 * nsPerMs
    private var counts: [String: Int] = [:]
    private var nextNs: UInt64 = 0

    /// - Returns: the counts since the last summary, by name, if they are to be logged now.
    mutating func add(_ name: String, _ count: Int = 1, atNs nowNs: UInt64) -> [String: Int]? {
        counts[name, default: 0] += count
        guard nowNs >= nextNs else { return nil }
        defer { counts = [:] }
        nextNs = nowNs + Self.periodNs
        return counts
    }
}
