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

    public var options: CPSimulation.Options {
        var options = CPSimulation.Options()
        switch self {
        case .mixed: break
        case .restarts:
            options.instances = 8
            options.clients = 10
            options.keys = 1
            options.faults = [.instanceCrash, .instanceCrash, .instanceCrash, .cutBack, .reset]
            options.meanFaultGapMs = 25
        case .duel:
            options.instances = 4
            options.clients = 12
            options.keys = 1
            options.faults = [.cutBack, .cutThere, .reset, .slowLink, .slowDisk]
            options.meanFaultGapMs = 30
        case .storm:
            options.instances = 4
            options.clients = 12
            options.keys = 1
            options.faults = []
            options.meanThinkUs = 1
        case .members:
            options.faults = [.wipe, .restore, .restore, .cut, .cutBack, .pause, .replicaCrash, .reset, .instanceCrash]
            options.meanFaultGapMs = 120
            options.meanThinkUs = 40_000
            options.keys = 4
        }
        return options
    }
}
