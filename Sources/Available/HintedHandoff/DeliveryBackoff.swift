import EventLoop
import Replication

/// Delays records that cannot be delivered. A record that did not arrive although it was sent alone is probably too
/// large for the link. A foreign key holds something other than a record, so no record can be merged there (rule A4).
///
/// If such a record were sent again at once, it would block all hints behind it and everything else on that connection.
/// So each one waits, twice as long after each failure.
struct DeliveryBackoff {
    private struct Pause {
        var untilNs: UInt64
        var durationNs: UInt64
        var isForeign: Bool
    }
    /// Pauses by target replica and key.
    private var pauses: [[Bytes: Pause]]

    private static let firstPauseNs = 1_000 * nsPerMs
    private static let maxPauseNs = 60_000 * nsPerMs
    /// The most pauses per target. Further records that fail are sent again without a pause.
    private static let maxRecords = 1_000

    init(count: Int) { pauses = Array(repeating: [:], count: count) }

    func isPausing(_ key: Bytes, to target: Int, atNs nowNs: UInt64) -> Bool {
        guard let pause = pauses[target][key] else { return false }
        return nowNs < pause.untilNs
    }

    /// True if the key is pausing because the source or the target stores something other than a record under it.
    func isForeign(_ key: Bytes, to target: Int, atNs nowNs: UInt64) -> Bool {
        pauses[target][key]?.isForeign == true && isPausing(key, to: target, atNs: nowNs)
    }

    mutating func failed(_ key: Bytes, to target: Int, atNs nowNs: UInt64, isForeign: Bool = false) {
        let known = pauses[target][key]
        if known == nil, pauses[target].count >= Self.maxRecords {
            // Remove pauses that are over: their records may have no hint any more.
            pauses[target] = pauses[target].filter { $0.value.untilNs > nowNs }
        }
        guard known != nil || pauses[target].count < Self.maxRecords else { return }
        let durationNs = known.map { min($0.durationNs * 2, Self.maxPauseNs) } ?? Self.firstPauseNs
        pauses[target][key] = Pause(untilNs: nowNs + durationNs, durationNs: durationNs, isForeign: isForeign)
    }

    /// Called after a reconnect to `target`: the new connection may use another link.
    mutating func restart(_ target: Int) { pauses[target] = [:] }

    mutating func arrived(_ keys: [Bytes], at target: Int) {
        guard !pauses[target].isEmpty else { return }
        for key in keys { pauses[target][key] = nil }
    }
}
