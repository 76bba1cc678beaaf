/// A mix of faults, for what a mix of everything meets too rarely.
public enum APProfile: String, CaseIterable, Sendable {
    /// Everything.
    case mixed
    /// Keys that are deleted and left alone, replicas that are away or stopped for longer than tombstones are kept, and old
    /// dumps: what was deleted must not come back.
    case tombstones

    public var options: APSimulation.Options {
        var options = APSimulation.Options()
        switch self {
        case .mixed: break
        case .tombstones:
            options.keys = 30
            options.reads = 3
            options.deletes = 3
            options.expiring = 30
            options.tombstoneGraceMs = 4_000
            options.maxSkewMs = 150
            options.meanPauseUs = 200_000
            options.meanFaultGapMs = 700
            options.faults = [
                .away, .down, .restore, .restore, .restore, .wipe, .clockJump, .isolated, .pause, .replicaCrash,
                .instanceCrash, .reset, .cutBack,
            ]
        }
        return options
    }
}
