/// Mixes of faults that cause situations which the mix of all faults causes too rarely.
public enum APProfile: String, CaseIterable, Sendable {
    /// All faults.
    case mixed
    /// Deleted keys, replicas that are unreachable or stopped for longer than the grace period, and old dumps: deleted values
    /// must not return.
    case tombstones
    /// The clocks of all replicas are ahead for a while by more than the grace period, and old dumps are restored once they are
    /// right again: a tombstone is not collected too early.
    case ahead
    /// Replicas keep their data and no comparison runs: what is not delivered at once is delivered by a hint, or never.
    case hints
    /// Room for one or two hints, and comparisons of all records while links are slow.
    case overflow
    /// Clocks that jump while replicas have hints for each other.
    case clocks
    /// Slow and cut links, and many reads: is the staleness bound right?
    case staleness
    /// Replicas that lose their data, or are restored from an old dump.
    case memory
    /// Replicas that are killed and lose the writes of the last second.
    case kills
    /// A few keys, written constantly by an instance that cannot deliver them, and delivered by another.
    case backlog
    /// Commands that arrive seconds later, while replicas lose their data.
    case holds
    /// No faults, but some links are long: required sessions are met.
    case sessions
    /// Links of low bandwidth, and more hints than fit into one batch.
    case narrow
    /// Clocks that are far ahead for a moment, while instances that use them crash.
    case farClocks = "far-clocks"

    /// Differences from the mix of all faults.
    public var options: APSimulation.Options {
        switch self {
        case .mixed: APSimulation.Options()
        case .tombstones:
            APSimulation.Options(
                keys: 30,
                faults: [
                    .away, .down, .restore, .restore, .restore, .wipe, .clockJump, .isolated, .pause, .replicaCrash,
                    .instanceCrash, .reset, .cutBack,
                ],
                meanFaultGapMs: 700, meanPauseUs: 200_000, newestDumps: 40, reads: 3, deletes: 3, expiring: 30,
                maxTtlMs: 8_000, tombstoneGraceMs: 4_000, maxSkewMs: 150)
        case .ahead:
            APSimulation.Options(
                keys: 12, faults: [.clocksAhead, .restore, .restore, .restore, .cutBack], meanFaultGapMs: 400,
                meanPauseUs: 200_000, newestDumps: 30, reads: 2, deletes: 3, expiring: 0, tombstoneGraceMs: 60_000)
        case .hints:
            APSimulation.Options(
                keys: 60,
                faults: [.cut, .cutThere, .cutBack, .flapping, .isolated, .reset, .slowLink, .pause, .instanceCrash],
                meanFaultGapMs: 15, warmUpMs: 3_000, meanPauseUs: 5_000, fewHints: 0, isComparingOften: false,
                reads: 2)
        case .overflow:
            APSimulation.Options(
                keys: 60, faults: [.cut, .cutThere, .slowLink, .slowLink, .isolated], meanFaultGapMs: 30,
                warmUpMs: 3_000, meanPauseUs: 10_000, fewHints: 100, isComparingOften: false, reads: 2)
        case .clocks:
            APSimulation.Options(
                keys: 40, faults: [.clockJump, .clockJump, .cut, .cutThere, .cutBack, .isolated], meanFaultGapMs: 30,
                fewHints: 0, isComparingOften: false, reads: 6)
        case .staleness:
            APSimulation.Options(
                keys: 40, faults: [.slowLink, .slowLink, .cut, .cutThere, .cutBack], meanFaultGapMs: 15,
                warmUpMs: 3_000, meanPauseUs: 5_000, isComparingOften: false, reads: 6)
        case .memory:
            APSimulation.Options(
                keys: 40,
                faults: [.wipe, .restore, .replicaCrash, .replicaCrash, .cut, .cutThere, .isolated, .slowLink],
                meanFaultGapMs: 60, fewHints: 0, isComparingOften: false, isSyncAlways: false, forgetting: 100,
                newestDumps: 40, reads: 6)
        case .kills:
            APSimulation.Options(
                keys: 40, faults: [.replicaCrash], meanFaultGapMs: 500, meanPauseUs: 40_000, fewHints: 0,
                isComparingOften: false, isSyncAlways: false, reads: 6)
        case .backlog:
            APSimulation.Options(
                instances: 3, keys: 4, faults: [.cutThere, .cutThere, .cutThere, .slowLink], meanFaultGapMs: 100,
                warmUpMs: 3_000, meanPauseUs: 30_000, fewHints: 0, isComparingOften: false, reads: 5,
                maxHoldMs: 4_000)
        case .holds:
            APSimulation.Options(
                instances: 3, keys: 40, faults: [.cutThere, .cutThere, .cutThere, .cutThere, .wipe],
                meanFaultGapMs: 300, warmUpMs: 3_000, meanPauseUs: 60_000, fewHints: 0, isComparingOften: false,
                forgetting: 100, maxHoldMs: 6_000)
        case .sessions:
            APSimulation.Options(
                instances: 3, keys: 12, faults: [], meanPauseUs: 1_000, maxLatencyMeanUs: 6_000, requiredSessions: 60,
                writeAcks: 1)
        case .narrow:
            APSimulation.Options(
                keys: 400, faults: [.away, .away, .down, .wipe], meanFaultGapMs: 400, warmUpMs: 3_000,
                meanPauseUs: 60_000, bytesPerMs: 300, valueBytes: 4_000, fewHints: 0, forgetting: 100, reads: 1,
                deletes: 0, writeAcks: 1)
        case .farClocks:
            APSimulation.Options(
                keys: 40,
                faults: [.clockFar, .clockFar, .instanceCrash, .instanceCrash, .cut, .isolated, .reset],
                meanFaultGapMs: 100, fewHints: 0)
        }
    }
}
