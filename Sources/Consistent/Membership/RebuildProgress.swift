/// How far the rebuild of a blank replica has come (rule C8).
public struct RebuildProgress: Sendable, Equatable {
    public enum Phase: String, Sendable {
        /// The rebuild waits until all other replicas are voters and answer.
        case waiting
        case adopting
        /// Getting a configuration chosen that names the replica as a learner.
        case announcing
        /// Making the other replicas agree on every key.
        case comparing
        /// Getting a configuration chosen that names the replica as a voter.
        case admitting
        case promoting
        case done
    }

    public internal(set) var phase = Phase.waiting
    public internal(set) var keysCompared: UInt64 = 0
    /// How many identity rounds made the other replicas agree on a key.
    public internal(set) var keysRepaired: UInt64 = 0
    /// The reason why the rebuild waits or stopped.
    public internal(set) var note: String?
}
