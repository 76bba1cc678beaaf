import Replication

/// Receives the events of an engine, for metrics and tests. The protocol does not depend on it. A replica is given as
/// its index in the group. The engine calls these methods on its own thread, and they must return at once. The engine
/// holds a strong reference to the receiver.
public protocol ConsistentEvents: AnyObject {
    /// A read was answered in one round trip, or continues with a full round.
    func readStarted(inOneRoundTrip: Bool)
    /// A phase of a round begins.
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
    /// A replica has begun to reject write probes, for this reason (the server's error text). If the reason is nil, it
    /// accepts them again.
    func writesRejected(by replica: Int, reason: String?)
    /// The engine can no longer serve, for this reason. If `failure` is nil, it can serve again.
    func readinessChanged(_ failure: StoreFailure?)
    /// All replicas were probed. This happens once a second.
    func replicasProbed(_ views: [ReplicaView])
}

/// The two phases of a CASPaxos round.
public enum PaxosPhase: String, Sendable {
    case prepare
    case accept
}
