/// How far the rebuild of a blank replica has come (rule C8).
public struct RebuildProgress: Sendable, Equatable {
    public enum Phase: String, Sendable {
        /// All other replicas must be available first.
        case waiting
        case adopting
        /// Getting the configuration chosen that names it as a learner.
        case announcing
        /// Making the other replicas agree on every key.
        case comparing
        /// Getting the configuration chosen that names it as a voter.
        case admitting
        case promoting
        case done
    }

    public internal(set) var phase = Phase.waiting
    public internal(set) var keysCompared: UInt64 = 0
    /// Keys on which the other replicas disagreed.
    public internal(set) var keysRepaired: UInt64 = 0
    /// The reason why it waits or stopped.
    public internal(set) var note: String?
}
