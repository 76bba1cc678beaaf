import Replication

/// Events for logs and metrics; the protocol itself does not need them. Replicas are given as indexes in the group's
/// order. The engine calls these methods on its thread when the event happens, and each must return at once.
public protocol AvailableEvents: AnyObject {
    /// A staleness probe of all replicas ended.
    func replicasProbed(_ replicas: [AvailableReplicaStatus])
    /// A read found `values` concurrent values.
    func conflictRead(values: Int)
    /// A write without a context replaced several values: `count` of them, without the newest one.
    func valuesOverwritten(_ count: Int)
    /// `replica` stopped answering, and nothing listens at its address: its process is down.
    func replicaDown(_ replica: Int)
    /// A replica that was down answers again, and all hints from that time have been delivered.
    func replicaRecovered(_ replica: Int)
    /// `replica` stopped answering, but its address does not refuse connections: it may be cut off.
    func partitionSuspected(replica: Int)
    /// `replica` answers again after a suspected partition, and all hints from that time have been delivered.
    func partitionHealed(replica: Int)
    /// Hinted handoff delivered `count` hints that `owner` had for `peer`.
    func hintsDelivered(owner: Int, peer: Int, count: Int)
    /// `replica` was adopted under a new incarnation: it is new, or was restarted, restored or wiped.
    func replicaAdopted(_ replica: Int, incarnation: String)
    /// `replica` must not be used, e.g. because it belongs to another group.
    func replicaRefused(_ replica: Int, reason: String)
    /// `replica` stores something other than a record under this Redis key. No record can be merged at such a foreign
    /// key (rule A4).
    func foreignKeyFound(replica: Int, redisKey: Bytes)
    /// `count` records that held only tombstones and expired values were collected on all replicas.
    func tombstonesCollected(_ count: Int)
    /// A comparison of all records of `replica` with those of its peers ended. It compared `compared` records and
    /// copied `repaired` of them. `failure` is the reason why it is not complete; nil if it is.
    func antiEntropyEnded(replica: Int, compared: Int, repaired: Int, failure: String?)
}

extension AvailableEvents {
    public func replicasProbed(_ replicas: [AvailableReplicaStatus]) {}
    public func conflictRead(values: Int) {}
    public func valuesOverwritten(_ count: Int) {}
    public func replicaDown(_ replica: Int) {}
    public func replicaRecovered(_ replica: Int) {}
    public func partitionSuspected(replica: Int) {}
    public func partitionHealed(replica: Int) {}
    public func hintsDelivered(owner: Int, peer: Int, count: Int) {}
    public func replicaAdopted(_ replica: Int, incarnation: String) {}
    public func replicaRefused(_ replica: Int, reason: String) {}
    public func foreignKeyFound(replica: Int, redisKey: Bytes) {}
    public func tombstonesCollected(_ count: Int) {}
    public func antiEntropyEnded(replica: Int, compared: Int, repaired: Int, failure: String?) {}
}
