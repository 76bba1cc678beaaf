/// A mix of faults, for what a mix of everything meets too rarely.
public enum CPProfile: String, CaseIterable, Sendable {
    /// Everything.
    case mixed
    /// Many instances that are killed and started all the time: more proposers than a register remembers.
    case restarts
    /// Many instances that fight for one key.
    case duel

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
        }
        return options
    }
}
