import EventLoop
import Replication

/// Backoff for records that cannot be delivered. A record that was sent alone and did not arrive is probably too large
/// for the link. A foreign key (rule A4) cannot be merged.
///
/// Sent again at once, such a record would block all hints behind it and everything else on that connection. So each
/// one waits, twice as long after each failure.
struct DeliveryBackoff {
    private struct Pause {
        var untilNs: UInt64
        var durationNs: UInt64
        var isForeign: Bool
    }
    /// By target and key.
    private var pauses: [[Bytes: Pause]]

    private static let firstPauseNs = 1_000 * nsPerMs
    private static let maxPauseNs = 60_000 * nsPerMs
    /// Per target; further records are tried as if they had never failed.
    private static let maxRecords = 1_000

    init(count: Int) { pauses = Array(repeating: [:], count: count) }

    func isPausing(_ key: Bytes, to target: Int, atNs nowNs: UInt64) -> Bool {
        guard let pause = pauses[target][key] else { return false }
        return nowNs < pause.untilNs
    }

    /// True if the key is pausing because something other than a record is stored under it.
    func isForeign(_ key: Bytes, to target: Int, atNs nowNs: UInt64) -> Bool {
        pauses[target][key]?.isForeign == true && isPausing(key, to: target, atNs: nowNs)
    }

    mutating func failed(_ key: Bytes, to target: Int, atNs nowNs: UInt64, isForeign: Bool = false) {
        let known = pauses[target][key]
        if known == nil, pauses[target].count >= Self.maxRecords {
            // Some of them may have no hint any more.
            pauses[target] = pauses[target].filter { $0.value.untilNs > nowNs }
        }
        guard known != nil || pauses[target].count < Self.maxRecords else { return }
        let durationNs = known.map { min($0.durationNs * 2, Self.maxPauseNs) } ?? Self.firstPauseNs
        pauses[target][key] = Pause(untilNs: nowNs + durationNs, durationNs: durationNs, isForeign: isForeign)
    }

    /// The connection to `target` is a new one, perhaps over another link.
    mutating func restart(_ target: Int) { pauses[target] = [:] }

    mutating func arrived(_ keys: [Bytes], at target: Int) {
        guard !pauses[target].isEmpty else { return }
        for key in keys { pauses[target][key] = nil }
    }
}
