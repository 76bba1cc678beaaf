extension CPSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        public var keys = 3
        public var faults: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .reset, .slowLink, .slowDisk, .pause, .replicaCrash,
            .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        public var meanFaultGapMs: UInt64 = 60
        /// About the mean pause of a client between two operations, in microseconds.
        public var meanThinkUs: UInt64 = 1_500
    }
}

/// Mixes of faults. All but `mixed` are for bugs that `mixed` finds too rarely.
public enum CPProfile: String, CaseIterable, Sendable {
    /// The default mix: the kinds of faults in ``CPSimulation/Options``.
    case mixed
    /// Eight instances that crash and restart often, so that more proposers change a key than its `writers` can list.
    case restarts
    /// Four instances that read and change one key, with cut, reset or slow links and slow disks.
    case duel
    /// No faults. Four instances and twelve clients use one key as fast as they can. The report shows how long answers
    /// take.
    case storm
    /// Replicas that are wiped or restored from old dumps repeatedly, and rebuilt.
    case members
    /// Replicas that answer, but reject writes.
    case refusals

    /// The options of this profile. Options that are not listed have their default values.
    public var options: CPSimulation.Options {
        switch self {
        case .mixed: CPSimulation.Options()
        case .restarts:
            CPSimulation.Options(
                instances: 8, clients: 10, keys: 1,
                faults: [.instanceCrash, .instanceCrash, .instanceCrash, .cutBack, .reset], meanFaultGapMs: 25)
        case .duel:
            CPSimulation.Options(
                instances: 4, clients: 12, keys: 1, faults: [.cutBack, .cutThere, .reset, .slowLink, .slowDisk],
                meanFaultGapMs: 30)
        case .storm: CPSimulation.Options(instances: 4, clients: 12, keys: 1, faults: [], meanThinkUs: 1)
        case .refusals:
            CPSimulation.Options(
                faults: [.writeRefusal, .writeRefusal, .cut, .cutBack, .reset, .pause, .instanceCrash],
                meanFaultGapMs: 150, meanThinkUs: 10_000)
        case .members:
            CPSimulation.Options(
                keys: 4,
                faults: [.wipe, .restore, .restore, .cut, .cutBack, .pause, .replicaCrash, .reset, .instanceCrash],
                meanFaultGapMs: 120, meanThinkUs: 40_000)
        }
    }
}
