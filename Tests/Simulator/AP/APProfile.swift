/// Mixes of faults. All but `mixed` cause situations that `mixed` causes too rarely.
public enum APProfile: String, CaseIterable, Sendable {
    /// The default mix: the kinds of faults in ``APSimulation/Faults``.
    case mixed
    /// Many deletes. Replicas are unreachable or down for longer than the grace period, and old dumps are restored.
    /// Deleted values must not return.
    case tombstones
    /// For a while, the clocks of all replicas are ahead by the grace period or more. Old dumps are restored meanwhile
    /// and later. No tombstone may be collected too early.
    case ahead
    /// No replica loses data, and anti-entropy runs only at the start. So a write that is not delivered at once arrives
    /// only by a hint.
    case hints
    /// Each hint list holds only one or two hints, so anti-entropy runs often, while links are slow.
    case overflow
    /// Clocks jump in half of the seeds, while replicas have hints for each other.
    case clocks
    /// Slow and cut links, and many reads. The staleness bound must be right.
    case staleness
    /// Replicas lose their data, are restored from an old dump, or are killed.
    case memory
    /// Replicas are killed, and lose the writes of up to one second.
    case kills
    /// A few keys that are written all the time. While an instance cannot reach a peer of the coordinator, another
    /// instance delivers the hints.
    case backlog
    /// Commands arrive up to 6 s late, while replicas lose their data.
    case holds
    /// No faults, but some links have a high latency. Required sessions must be met.
    case sessions
    /// Links with low bandwidth, and more hints than fit into one batch.
    case narrow
    /// For a while, an instance gets no answers from two of three replicas. It must leave the third one enough time to
    /// apply every change.
    case deaf
    /// The memory of one replica is full. Reads must come from the others, because the full replica misses writes.
    case full
    /// The memory of all replicas is full. Deletes must still work.
    case allFull = "all-full"
    /// A replica's clock is more than a year ahead for a while, and instances crash meanwhile.
    case farClocks = "far-clocks"

    /// The options of this profile. Options that are not listed have their default values.
    public var options: APSimulation.Options {
        switch self {
        case .mixed: APSimulation.Options()
        case .tombstones:
            APSimulation.Options(
                keys: 30,
                faults: .init(
                    kinds: [
                        .away, .down, .restore, .restore, .restore, .wipe, .clockJump, .isolated, .pause, .replicaCrash,
                        .instanceCrash, .reset, .cutBack,
                    ], meanGapMs: 700, newestDumps: 40, maxSkewMs: 150),
                requests: .init(meanPauseUs: 200_000, reads: 3, deletes: 3, expiring: 30, maxTtlMs: 8_000),
                engine: .init(tombstoneGraceMs: 4_000))
        case .ahead:
            APSimulation.Options(
                keys: 12,
                faults: .init(
                    kinds: [.clocksAhead, .restore, .restore, .restore, .cutBack], meanGapMs: 400, newestDumps: 30),
                requests: .init(meanPauseUs: 200_000, reads: 2, deletes: 3, expiring: 0),
                engine: .init(tombstoneGraceMs: 60_000))
        case .hints:
            APSimulation.Options(
                keys: 60,
                faults: .init(
                    kinds: [
                        .cut, .cutThere, .cutBack, .flapping, .isolated, .reset, .slowLink, .pause, .instanceCrash,
                    ], meanGapMs: 15, warmUpMs: 3_000), requests: .init(meanPauseUs: 5_000, reads: 2),
                engine: .init(fewHints: 0, isComparingOften: false))
        case .overflow:
            APSimulation.Options(
                keys: 60,
                faults: .init(
                    kinds: [.cut, .cutThere, .slowLink, .slowLink, .isolated], meanGapMs: 30, warmUpMs: 3_000),
                requests: .init(meanPauseUs: 10_000, reads: 2), engine: .init(fewHints: 100, isComparingOften: false))
        case .clocks:
            APSimulation.Options(
                keys: 40,
                faults: .init(kinds: [.clockJump, .clockJump, .cut, .cutThere, .cutBack, .isolated], meanGapMs: 30),
                requests: .init(reads: 6), engine: .init(fewHints: 0, isComparingOften: false))
        case .staleness:
            APSimulation.Options(
                keys: 40,
                faults: .init(
                    kinds: [.slowLink, .slowLink, .cut, .cutThere, .cutBack], meanGapMs: 15, warmUpMs: 3_000),
                requests: .init(meanPauseUs: 5_000, reads: 6), engine: .init(isComparingOften: false))
        case .memory:
            APSimulation.Options(
                keys: 40,
                faults: .init(
                    kinds: [.wipe, .restore, .replicaCrash, .replicaCrash, .cut, .cutThere, .isolated, .slowLink],
                    meanGapMs: 60, forgetting: 100, newestDumps: 40), requests: .init(reads: 6),
                engine: .init(fewHints: 0, isComparingOften: false, isSyncAlways: false))
        case .kills:
            APSimulation.Options(
                keys: 40, faults: .init(kinds: [.replicaCrash], meanGapMs: 500),
                requests: .init(meanPauseUs: 40_000, reads: 6),
                engine: .init(fewHints: 0, isComparingOften: false, isSyncAlways: false))
        case .backlog:
            APSimulation.Options(
                instances: 3, keys: 4,
                faults: .init(
                    kinds: [.cutThere, .cutThere, .cutThere, .slowLink], meanGapMs: 100, warmUpMs: 3_000,
                    maxHoldMs: 4_000), requests: .init(meanPauseUs: 30_000, reads: 5),
                engine: .init(fewHints: 0, isComparingOften: false))
        case .holds:
            APSimulation.Options(
                instances: 3, keys: 40,
                faults: .init(
                    kinds: [.cutThere, .cutThere, .cutThere, .cutThere, .wipe], meanGapMs: 300, warmUpMs: 3_000,
                    forgetting: 100, maxHoldMs: 6_000), requests: .init(meanPauseUs: 60_000),
                engine: .init(fewHints: 0, isComparingOften: false))
        case .sessions:
            APSimulation.Options(
                instances: 3, keys: 12, faults: .init(kinds: []),
                requests: .init(meanPauseUs: 1_000, requiredSessions: 60), engine: .init(writeAcks: 1),
                links: .init(maxLatencyMeanUs: 6_000))
        case .narrow:
            APSimulation.Options(
                keys: 400,
                faults: .init(kinds: [.away, .away, .down, .wipe], meanGapMs: 400, warmUpMs: 3_000, forgetting: 100),
                requests: .init(meanPauseUs: 60_000, valueBytes: 4_000, reads: 1, deletes: 0),
                engine: .init(fewHints: 0, writeAcks: 1), links: .init(bytesPerMs: 300))
        case .deaf:
            APSimulation.Options(
                instances: 3, keys: 12, faults: .init(kinds: [.deaf], meanGapMs: 10, warmUpMs: 3_000),
                requests: .init(meanPauseUs: 3_000, reads: 3, mustChange: true),
                engine: .init(fewHints: 0, isComparingOften: false, writeAcks: 1, fewSiblings: 0))
        case .full:
            APSimulation.Options(
                keys: 12, faults: .init(kinds: [.full], meanGapMs: 2_000, warmUpMs: 3_000),
                requests: .init(meanPauseUs: 200_000, reads: 4, deletes: 2, maxStalenessMs: 3_000),
                engine: .init(fewHints: 0, isComparingOften: false, writeAcks: 1))
        case .allFull:
            APSimulation.Options(
                keys: 12, faults: .init(kinds: [.allFull, .allFull, .cut, .reset, .pause], meanGapMs: 500),
                requests: .init(meanPauseUs: 50_000, reads: 2, deletes: 4), engine: .init(fewHints: 0))
        case .farClocks:
            APSimulation.Options(
                keys: 40,
                faults: .init(
                    kinds: [.clockFar, .clockFar, .instanceCrash, .instanceCrash, .cut, .isolated, .reset],
                    meanGapMs: 100), engine: .init(fewHints: 0))
        }
    }
}
