/// A mix of faults, for what a mix of everything meets too rarely.
public enum APProfile: String, CaseIterable, Sendable {
    /// Everything.
    case mixed
    /// Keys that are deleted and left alone, replicas that are away or stopped for longer than tombstones are kept, and old
    /// dumps: what was deleted must not come back.
    case tombstones
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

    public var options: APSimulation.Options {
        var options = APSimulation.Options()
        switch self {
        case .mixed: break
        case .tombstones:
            options.keys = 30
            options.reads = 3
            options.deletes = 3
            options.expiring = 30
            options.maxTtlMs = 8_000
            options.newestDumps = 40
            options.tombstoneGraceMs = 4_000
            options.maxSkewMs = 150
            options.meanPauseUs = 200_000
            options.meanFaultGapMs = 700
            options.faults = [
                .away, .down, .restore, .restore, .restore, .wipe, .clockJump, .isolated, .pause, .replicaCrash,
                .instanceCrash, .reset, .cutBack,
            ]
        case .debt:
            options.warmUpMs = 3_000
            options.keys = 60
            options.reads = 2
            options.smallOutboxes = 0
            options.isWalkingOften = false
            options.meanPauseUs = 5_000
            options.meanFaultGapMs = 15
            options.faults = [
                .cut, .cutThere, .cutBack, .flapping, .isolated, .reset, .slowLink, .pause, .instanceCrash,
            ]
        case .overflow:
            options.warmUpMs = 3_000
            options.keys = 60
            options.reads = 2
            options.smallOutboxes = 100
            options.isWalkingOften = false
            options.meanPauseUs = 10_000
            options.meanFaultGapMs = 30
            options.faults = [.cut, .cutThere, .slowLink, .slowLink, .isolated]
        case .clocks:
            options.keys = 40
            options.reads = 6
            options.smallOutboxes = 0
            options.isWalkingOften = false
            options.meanFaultGapMs = 30
            options.faults = [.clockJump, .clockJump, .cut, .cutThere, .cutBack, .isolated]
        case .staleness:
            options.warmUpMs = 3_000
            options.keys = 40
            options.reads = 6
            options.isWalkingOften = false
            options.meanPauseUs = 5_000
            options.meanFaultGapMs = 15
            options.faults = [.slowLink, .slowLink, .cut, .cutThere, .cutBack]
        case .memory:
            options.keys = 40
            options.reads = 6
            options.smallOutboxes = 0
            options.isWalkingOften = false
            options.isSyncAlways = false
            options.forgetting = 100
            options.newestDumps = 40
            options.meanFaultGapMs = 60
            options.faults = [.wipe, .restore, .replicaCrash, .replicaCrash, .cut, .cutThere, .isolated, .slowLink]
        case .kills:
            options.keys = 40
            options.reads = 6
            options.smallOutboxes = 0
            options.isWalkingOften = false
            options.isSyncAlways = false
            options.meanPauseUs = 40_000
            options.meanFaultGapMs = 500
            options.faults = [.replicaCrash]
        case .backlog:
            options.warmUpMs = 3_000
            options.keys = 4
            options.instances = 3
            options.reads = 5
            options.smallOutboxes = 0
            options.isWalkingOften = false
            options.maxHoldMs = 4_000
            options.meanPauseUs = 30_000
            options.meanFaultGapMs = 100
            options.faults = [.cutThere, .cutThere, .cutThere, .slowLink]
        case .holds:
            options.warmUpMs = 3_000
            options.keys = 40
            options.instances = 3
            options.smallOutboxes = 0
            options.isWalkingOften = false
            options.forgetting = 100
            options.maxHoldMs = 6_000
            options.meanPauseUs = 60_000
            options.meanFaultGapMs = 300
            options.faults = [.cutThere, .cutThere, .cutThere, .cutThere, .wipe]
        case .sessions:
            options.keys = 12
            options.insisting = 60
            options.instances = 3
            options.maxLatencyMeanUs = 6_000
            options.meanPauseUs = 1_000
            options.writeAcks = 1
            options.faults = []
        case .thin:
            options.warmUpMs = 3_000
            options.keys = 400
            options.reads = 1
            options.deletes = 0
            options.smallOutboxes = 0
            options.writeAcks = 1
            options.bytesPerMs = 300
            options.valueBytes = 4_000
            options.meanPauseUs = 60_000
            options.meanFaultGapMs = 400
            options.faults = [.away, .away, .down, .wipe]
            options.forgetting = 100
        case .farClocks:
            options.keys = 40
            options.smallOutboxes = 0
            options.meanFaultGapMs = 100
            options.faults = [.clockFar, .clockFar, .instanceCrash, .instanceCrash, .cut, .isolated, .reset]
        }
        return options
    }
}
