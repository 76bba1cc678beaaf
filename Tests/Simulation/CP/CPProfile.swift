/// A mix of faults, for what a mix of everything meets too rarely.
public enum CPProfile: String, CaseIterable, Sendable {
    /// Everything.
    case mixed
    /// Many instances that are killed and started all the time: more proposers than a register remembers.
    case restarts
    /// Many instances that fight for one key.
    case duel
    /// No faults: four instances and twelve clients that change one key as fast as they can. Shows whether anybody starves.
    case storm
    /// Replicas that lose their memory, or get an old one, again and again, and are rebuilt.
    case members

    /// What it differs in from the mix of everything.
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
        case .members:
            CPSimulation.Options(
                keys: 4,
                faults: [.wipe, .restore, .restore, .cut, .cutBack, .pause, .replicaCrash, .reset, .instanceCrash],
                meanFaultGapMs: 120, meanThinkUs: 40_000)
        }
    }
}
