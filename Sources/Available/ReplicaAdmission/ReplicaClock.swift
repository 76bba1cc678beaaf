import EventLoop
import Replication

/// What an instance knows of one replica's clock: a reading, and when it arrived. Every deadline fence is computed from
/// it (rule A5): a moment of the replica's clock after which the replica no longer runs the call.
struct ReplicaClock: Equatable {
    /// The incarnation that the reading belongs to.
    let incarnation: Bytes
    /// Counts how often the replica's clock was set back.
    let epoch: Bytes
    private let timeUs: Int64
    private let receivedNs: UInt64
    /// When this instance first knew this incarnation with this clock epoch.
    let knownSinceNs: UInt64

    /// After this time any new reading replaces the known one, even a lower one, because clocks drift.
    private static let maxAgeNs = 5_000 * nsPerMs
    /// A younger one is replaced only by one that is better by more than this.
    private static let minImprovementUs: Int64 = 500

    /// - Parameter knownSinceNs: nil if this is the first reading of its incarnation and clock epoch.
    init(incarnation: Bytes, epoch: Bytes, timeUs: Int64, receivedNs: UInt64, knownSinceNs: UInt64? = nil) {
        self.incarnation = incarnation
        self.epoch = epoch
        self.timeUs = timeUs
        self.receivedNs = receivedNs
        self.knownSinceNs = knownSinceNs ?? receivedNs
    }

    /// A lower bound of the replica's clock, in microseconds, at `nowNs` of this instance's: the reading was taken
    /// before it was received. A fence computed from a lower bound is too early, which is safe.
    func earliestUs(atNs nowNs: UInt64) -> Int64 {
        timeUs + (Int64(bitPattern: nowNs) - Int64(bitPattern: receivedNs)) / 1_000
    }

    /// True if another reading of the same incarnation is a better bound, or this one is old.
    func isWorthReplacing(timeUs: Int64, receivedNs: UInt64) -> Bool {
        timeUs > earliestUs(atNs: receivedNs) + Self.minImprovementUs || receivedNs > self.receivedNs + Self.maxAgeNs
    }

    /// The last three arguments of a fenced call: notAfter, clock epoch, incarnation.
    func fence(startNs: UInt64, budgetMs: UInt64) -> [Bytes] {
        [notAfter(startNs: startNs, budgetMs: budgetMs), epoch, incarnation]
    }

    /// The deadline on the replica's clock: what it shows `budgetMs` after this instance's clock showed `startNs`. It
    /// may be a little early, never late.
    func notAfter(startNs: UInt64, budgetMs: UInt64) -> Bytes {
        Bytes(decimal: UInt64(max(0, earliestUs(atNs: startNs) + Int64(budgetMs) * 1_000)))
    }
}

extension ClockTable {
    /// The fence of a call to `replica`; one that can never be met if the replica is not admitted.
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

/// How long calls are tried (rule A5).
enum Fence {
    /// Covers the resolution of this instance's clock, which is one turn of its event loop.
    static let marginMs: UInt64 = 5

    /// How long a record may be merged after it was read. It is the time for which the target's incarnation was known
    /// by then, within the bounds of the settings. So if all replicas were adopted a moment ago, no old record is in
    /// transit, and all records can be compared at once (rule A11).
    static func mergeMs(knownForMs: UInt64, settings: AvailableSettings) -> UInt64 {
        min(max(knownForMs, settings.timeouts.minMergeFenceMs), settings.timeouts.maxMergeFenceMs)
    }

    /// How long a write is tried at one coordinator. It is short, because a second coordinator, or a failure, must wait
    /// for it. It exceeds the network latency, or a distant replica would refuse everything.
    ///
    /// - Parameter latencyNs: usual latency of the coordinator; `UInt64.max` if unknown.
    static func budgetMs(latencyNs: UInt64, settings: AvailableSettings) -> UInt64 {
        guard latencyNs != .max else { return settings.timeouts.maxFenceMs }
        let latencyMs = latencyNs / nsPerMs
        let usual = min(max(latencyMs * 8, settings.timeouts.minFenceMs), settings.timeouts.maxFenceMs)
        return max(usual, min(latencyMs * 3 + marginMs, settings.timeouts.maxMergeFenceMs))
    }
}
