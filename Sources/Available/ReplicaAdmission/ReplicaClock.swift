import EventLoop
import Replication

/// A reading of one replica's clock, and when it arrived at this instance. All deadline fences are computed from it. A
/// fence is a time on the replica's clock, after which the replica no longer runs a call (rule A5).
struct ReplicaClock: Equatable {
    /// The incarnation that the reading belongs to.
    let incarnation: Bytes
    /// Clock epoch: how often the replica's clock was found to be set back.
    let epoch: Bytes
    private let timeUs: Int64
    private let receivedNs: UInt64
    /// When this instance first knew this incarnation with this clock epoch.
    let knownSinceNs: UInt64

    /// A reading that is older than this is replaced by any new one, even a lower one, because clocks drift.
    private static let maxAgeNs = 5_000 * nsPerMs
    /// A younger reading is replaced only by one that is better by more than this.
    private static let minImprovementUs: Int64 = 500

    /// - Parameter knownSinceNs: nil if this is the first reading of its incarnation and clock epoch.
    init(incarnation: Bytes, epoch: Bytes, timeUs: Int64, receivedNs: UInt64, knownSinceNs: UInt64? = nil) {
        self.incarnation = incarnation
        self.epoch = epoch
        self.timeUs = timeUs
        self.receivedNs = receivedNs
        self.knownSinceNs = knownSinceNs ?? receivedNs
    }

    /// A lower bound of the replica's clock, in microseconds, when this instance's clock shows `nowNs`. It is a lower
    /// bound because the reading was taken before it was received. A fence computed from it may be too early, which is
    /// safe.
    func earliestUs(atNs nowNs: UInt64) -> Int64 {
        timeUs + (Int64(bitPattern: nowNs) - Int64(bitPattern: receivedNs)) / 1_000
    }

    /// True if a new reading of the same incarnation and epoch is a better bound, or if the known one is old.
    func isWorthReplacing(timeUs: Int64, receivedNs: UInt64) -> Bool {
        timeUs > earliestUs(atNs: receivedNs) + Self.minImprovementUs || receivedNs > self.receivedNs + Self.maxAgeNs
    }

    /// The last three arguments of a fenced call: the deadline (`notAfter`), the clock epoch and the incarnation.
    func fence(startNs: UInt64, budgetMs: UInt64) -> [Bytes] {
        [notAfter(startNs: startNs, budgetMs: budgetMs), epoch, incarnation]
    }

    /// The deadline on the replica's clock, `budgetMs` after the moment at which this instance's clock showed
    /// `startNs`. It may be a little early, never late.
    func notAfter(startNs: UInt64, budgetMs: UInt64) -> Bytes {
        Bytes(decimal: UInt64(max(0, earliestUs(atNs: startNs) + Int64(budgetMs) * 1_000)))
    }
}

extension ClockTable {
    /// The fence of a call to `replica`. If the replica is not admitted, a fence that has already passed.
    func fence(of replica: Int, startNs: UInt64, budgetMs: UInt64) -> [Bytes] {
        self[replica]?.fence(startNs: startNs, budgetMs: budgetMs) ?? [Arguments.zero, Arguments.zero, Arguments.empty]
    }

    /// The fence of a merge at `replica` of records that were read or written after `startNs`.
    func mergeFence(of replica: Int, startNs: UInt64, settings: AvailableSettings) -> [Bytes] {
        let knownSinceNs = self[replica]?.knownSinceNs ?? startNs
        let knownForMs = (startNs - min(startNs, knownSinceNs)) / nsPerMs
        return fence(
            of: replica, startNs: startNs, budgetMs: Fence.mergeMs(knownForMs: knownForMs, settings: settings))
    }
}

/// How long calls may run at a replica (rule A5).
enum Fence {
    /// Allows for the resolution of this instance's clock, which is one turn of its event loop.
    static let marginMs: UInt64 = 5

    /// For how long after its read a record may be merged. This is the time for which the sender has known the target's
    /// incarnation, within the bounds of the settings. So if all replicas were adopted a moment ago, no old record is
    /// in transit, and all records can be compared at once (rule A11).
    static func mergeMs(knownForMs: UInt64, settings: AvailableSettings) -> UInt64 {
        min(max(knownForMs, settings.timeouts.minMergeFenceMs), settings.timeouts.maxMergeFenceMs)
    }

    /// For how long a write is tried at one coordinator. It is short, because the next coordinator, or the failure,
    /// waits for its end. It is longer than the network latency, because otherwise a distant replica would refuse every
    /// write.
    ///
    /// - Parameter latencyNs: the coordinator's usual latency; `UInt64.max` if unknown.
    static func budgetMs(latencyNs: UInt64, settings: AvailableSettings) -> UInt64 {
        guard latencyNs != .max else { return settings.timeouts.maxFenceMs }
        let latencyMs = latencyNs / nsPerMs
        let usual = min(max(latencyMs * 8, settings.timeouts.minFenceMs), settings.timeouts.maxFenceMs)
        return max(usual, min(latencyMs * 3 + marginMs, settings.timeouts.maxMergeFenceMs))
    }
}
