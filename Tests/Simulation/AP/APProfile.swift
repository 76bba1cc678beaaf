/// A mix of faults, for what a mix of everything meets too rarely.
public enum APProfile: String, CaseIterable, Sendable {
    /// Everything.
    case mixed
    /// Keys that are deleted and left alone, replicas that are away or stopped for longer than tombstones are kept, and old
    /// dumps: what was deleted must not come back.
    case tombstones
    /// All replicas' clocks are ahead for a while by more than tombstones are kept, and old dumps are given to replicas once
    /// they are right again: what was deleted just now is not taken for deleted long ago.
    case ahead
    /// Replicas keep what they have: what was not delivered at once is delivered by the outbox, or never.
    case debt
    /// Outboxes that hold a key or two, and comparisons of everything while the links are slow.
    case overflow
    /// Clocks that jump while replicas owe each other something.
    case clocks
    /// Slow and cut links, and reads all the time: how old may an answer be?
    case staleness
    /// Replicas that lose their memory, or get an old one.
    case memory
    /// Replicas that are killed, and lose what they took in the last second.
    case kills
    /// A few keys, written all the time by an instance that cannot deliver them, and delivered by another.
    case backlog
    /// What was sent is held on its way for seconds while replicas lose their memory, and arrives after all.
    case holds
    /// Nothing goes wrong, but some ways are long: a session that insists is met.
    case sessions
    /// Ways that carry little, and more owed over them than fits into one batch.
    case thin
    /// Clocks that are far ahead for a moment, while instances that work by them die.
    case farClocks = "far-clocks"

    /// What it differs in from the mix of everything.
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
        case .debt:
            APSimulation.Options(
                keys: 60,
                faults: [.cut, .cutThere, .cutBack, .flapping, .isolated, .reset, .slowLink, .pause, .instanceCrash],
                meanFaultGapMs: 15, warmUpMs: 3_000, meanPauseUs: 5_000, smallOutboxes: 0, isWalkingOften: false,
                reads: 2)
        case .overflow:
            APSimulation.Options(
                keys: 60, faults: [.cut, .cutThere, .slowLink, .slowLink, .isolated], meanFaultGapMs: 30,
                warmUpMs: 3_000, meanPauseUs: 10_000, smallOutboxes: 100, isWalkingOften: false, reads: 2)
        case .clocks:
            APSimulation.Options(
                keys: 40, faults: [.clockJump, .clockJump, .cut, .cutThere, .cutBack, .isolated], meanFaultGapMs: 30,
                smallOutboxes: 0, isWalkingOften: false, reads: 6)
        case .staleness:
            APSimulation.Options(
                keys: 40, faults: [.slowLink, .slowLink, .cut, .cutThere, .cutBack], meanFaultGapMs: 15,
                warmUpMs: 3_000, meanPauseUs: 5_000, isWalkingOften: false, reads: 6)
        case .memory:
            APSimulation.Options(
                keys: 40,
                faults: [.wipe, .restore, .replicaCrash, .replicaCrash, .cut, .cutThere, .isolated, .slowLink],
                meanFaultGapMs: 60, smallOutboxes: 0, isWalkingOften: false, isSyncAlways: false, forgetting: 100,
                newestDumps: 40, reads: 6)
        case .kills:
            APSimulation.Options(
                keys: 40, faults: [.replicaCrash], meanFaultGapMs: 500, meanPauseUs: 40_000, smallOutboxes: 0,
                isWalkingOften: false, isSyncAlways: false, reads: 6)
        case .backlog:
            APSimulation.Options(
                instances: 3, keys: 4, faults: [.cutThere, .cutThere, .cutThere, .slowLink], meanFaultGapMs: 100,
                warmUpMs: 3_000, meanPauseUs: 30_000, smallOutboxes: 0, isWalkingOften: false, reads: 5,
                maxHoldMs: 4_000)
        case .holds:
            APSimulation.Options(
                instances: 3, keys: 40, faults: [.cutThere, .cutThere, .cutThere, .cutThere, .wipe],
                meanFaultGapMs: 300, warmUpMs: 3_000, meanPauseUs: 60_000, smallOutboxes: 0, isWalkingOften: false,
                forgetting: 100, maxHoldMs: 6_000)
        case .sessions:
            APSimulation.Options(
                instances: 3, keys: 12, faults: [], meanPauseUs: 1_000, maxLatencyMeanUs: 6_000, insisting: 60,
                writeAcks: 1)
        case .thin:
            APSimulation.Options(
                keys: 400, faults: [.away, .away, .down, .wipe], meanFaultGapMs: 400, warmUpMs: 3_000,
                meanPauseUs: 60_000, bytesPerMs: 300, valueBytes: 4_000, smallOutboxes: 0, forgetting: 100, reads: 1,
                deletes: 0, writeAcks: 1)
        case .farClocks:
            APSimulation.Options(
                keys: 40,
                faults: [.clockFar, .clockFar, .instanceCrash, .instanceCrash, .cut, .isolated, .reset],
                meanFaultGapMs: 100, smallOutboxes: 0)
        }
    }
}
