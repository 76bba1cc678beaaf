import Replication

/// Receives the events of an engine, for metrics and tests; never needed for the protocol. Replicas are indexes in the
/// group's order. Called on the engine's thread, and must return at once. The engine holds it strongly.
public protocol ConsistentEvents: AnyObject {
    /// A read got its answer in one round trip, or goes on with a full round.
    func readStarted(inOneRoundTrip: Bool)
    /// A round for a key begins.
    func phaseStarted(_ phase: PaxosPhase)
    /// A round was lost to a higher ballot.
    func roundPreempted()
    /// An operation failed because no majority answered.
    func quorumUnavailable()
    /// Every replica that had missed the last accept of a key has it now.
    func keyRepaired()
    /// Every voter removed the tombstone, or no longer holds it.
    func tombstoneCollected()
    /// A replica was found rolled back, and made blank.
    func replicaRolledBack(_ replica: Int)
    /// This instance made a blank replica a member.
    func replicaRebuilt(_ replica: Int)
    /// A replica rejects the write probes from now on. The reason is in the server's words; nil: it accepts them again.
    func writesRejected(by replica: Int, reason: String?)
    /// The engine cannot serve, for this reason; nil: it can again.
    func readinessChanged(_ failure: StoreFailure?)
    /// All replicas were probed: once a second.
    func replicasProbed(_ views: [ReplicaView])
}

/// The two phases of a CASPaxos round.
public enum PaxosPhase: String, Sendable {
    case prepare
    case accept
}
