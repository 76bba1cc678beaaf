import EventLoop
import Replication

/// Records that did not arrive although each was sent alone: too large for what lies between, as far as anybody can tell.
///
/// Sent again at once they would keep all that is owed behind them, and everything else on that connection, from arriving too.
/// So each rests, twice as long after each failure.
struct HeavyRecords {
    private struct Rest {
        var untilNs: UInt64
        var durationNs: UInt64
    }
    /// By target.
    private var rests: [[Bytes: Rest]]

    private static let firstRestNs = 1_000 * nsPerMs
    private static let longestRestNs = 60_000 * nsPerMs
    /// Of one target; more are tried as if nothing were known of them.
    private static let maxRecords = 1_000

    init(count: Int) { rests = Array(repeating: [:], count: count) }

    func isResting(_ key: Bytes, to target: Int, atNs nowNs: UInt64) -> Bool {
        guard let rest = rests[target][key] else { return false }
        return nowNs < rest.untilNs
    }

    mutating func failed(_ key: Bytes, to target: Int, atNs nowNs: UInt64) {
        let known = rests[target][key]
        if known == nil, rests[target].count >= Self.maxRecords {
            // Among them are some that are not owed any more.
            rests[target] = rests[target].filter { $0.value.untilNs > nowNs }
        }
        guard known != nil || rests[target].count < Self.maxRecords else { return }
        let durationNs = known.map { min($0.durationNs * 2, Self.longestRestNs) } ?? Self.firstRestNs
        rests[target][key] = Rest(untilNs: nowNs + durationNs, durationNs: durationNs)
    }

    mutating func arrived(_ keys: [Bytes], at target: Int) {
        guard !rests[target].isEmpty else { return }
        for key in keys { rests[target][key] = nil }
    }
}
