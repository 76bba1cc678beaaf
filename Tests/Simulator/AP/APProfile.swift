/// Mixes of faults. All but the first cause situations that the mix of all faults causes too rarely.
public enum APProfile: String, CaseIterable, Sendable {
    /// All faults.
    case mixed
    /// Deletes, with replicas that are away for longer than the grace period, and with old dumps. Deleted values must
    /// not return.
    case tombstones
    /// For a while, the clocks of all replicas are ahead by more than the grace period. When they are right again, old
    /// dumps are restored. No tombstone may have been collected too early.
    case ahead
    /// No replica loses data, and no comparison runs. So a write that is not delivered at once arrives only by a hint.
    case hints
    /// Replicas have room for only one or two hints, so all records are compared, while links are slow.
    case overflow
    /// Clocks that jump while replicas have hints for each other.
    case clocks
    /// Slow and cut links, and many reads. The staleness bound must be right.
    case staleness
    /// Replicas that lose their data, or are restored from an old dump.
    case memory
    /// Replicas that are killed and lose the writes of the last second.
    case kills
    /// A few keys that are written all the time. An instance that cannot deliver the writes stores them, and another
    /// one delivers their hints.
    case backlog
    /// Commands that arrive seconds later, while replicas lose their data.
    case holds
    /// No faults, but some links are long. Required sessions must be met.
    case sessions
    /// Links with low bandwidth, and more hints than fit into one batch.
    case narrow
    /// An instance gets no answers from two of three replicas. The third one must have time to answer every change.
    case deaf
    /// The memory of one replica is full. Reads must come from the others, because the full replica is left behind.
    case full
    /// The memory of all replicas is full. Deletes must still work.
    case allFull = "all-full"
    /// Clocks that are far ahead for a moment, while instances that use them crash.
    case farClocks = "far-clocks"

    /// The options of this profile, which differ from those of the mix of all faults.
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
