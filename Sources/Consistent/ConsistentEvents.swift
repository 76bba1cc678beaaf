import Replication

/// Receives the events of an engine, for metrics and tests. The engine works the same without it. A replica is given as
/// its index in the group. The engine calls these methods on its own thread, and they must return at once. The engine
/// holds a strong reference to the receiver.
public protocol ConsistentEvents: AnyObject {
    /// A read was answered in one round trip, or continues with a full round.
    func readStarted(inOneRoundTrip: Bool)
    /// A phase of a round begins.
    func phaseStarted(_ phase: PaxosPhase)
    /// A round failed because a replica has promised or accepted a higher ballot.
    func roundPreempted()
    /// An operation failed with the code `no_quorum`.
    func quorumUnavailable()
    /// Catch-up copied the chosen state of a key to every voter that had reported an older state or none.
    func keyRepaired()
    /// The tombstone of a key is gone from every voter.
    func tombstoneCollected()
    /// This instance found a replica rolled back, and erased its data.
    func replicaRolledBack(_ replica: Int)
    /// This instance made a blank replica a member.
    func replicaRebuilt(_ replica: Int)
    /// A replica began to reject write probes, or rejects them with another error than before. `reason` is the server's
    /// error text. It is nil if the replica accepts write probes again.
    func writesRejected(by replica: Int, reason: String?)
    /// Two probes in a row found the same reason why the engine cannot serve. If `failure` is nil, the engine can serve
    /// again.
    func readinessChanged(_ failure: StoreFailure?)
    /// The available replicas were probed. This happens about once per ``ConsistentSettings/Background/intervalMs``.
    func replicasProbed(_ views: [ReplicaView])
}

/// The two phases of a CASPaxos round.
public enum PaxosPhase: String, Sendable {
    case prepare
    case accept
}
