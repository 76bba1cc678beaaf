import Replication

/// What logs and metrics want to know; never needed for the protocol. Replicas are indexes in the group's order. Called on
/// the engine's thread, and must return at once.
public protocol AvailableObserver: AnyObject {
    /// After each poll: how old an answer of `replica` may be, in milliseconds; nil where it is not known.
    func stalenessMeasured(replica: Int, stalenessMs: Int64?)
    /// After each poll: entries that `owner` owes `peer`, and writes that its full outbox could not list.
    func outboxMeasured(owner: Int, peer: Int, entries: Int, overflowed: Int)
    /// After each poll: keys of which `replica` holds more than one value.
    func conflictsMeasured(replica: Int, keys: Int)
    /// After each poll: whether some of what `replica` lacks stands in no outbox, so that all of its records have to be
    /// compared with the other replicas'.
    func comparisonMeasured(replica: Int, isNeeded: Bool)
    /// A read found `values` concurrent values.
    func conflictSeen(values: Int)
    /// A write without a context replaced `count` values that its client cannot have seen.
    func valuesOverwritten(_ count: Int)
    /// `replica` stopped answering.
    func partitionSuspected(replica: Int)
    /// `replica` answers again, and what it owed and was owed when it came back has been delivered.
    func partitionHealed(replica: Int)
    /// `entries` of what `owner` owed `peer` were delivered in the background.
    func drained(owner: Int, peer: Int, entries: Int)
    /// `replica` was adopted under a new incarnation: it is new, or was restarted, restored or wiped.
    func replicaAdopted(_ replica: Int, incarnation: String)
    /// `replica` must not be used, e.g. because it belongs to another group.
    func replicaRefused(_ replica: Int, reason: String)
    /// `replica` holds something else than a record under this Redis key, so that nothing can be joined there.
    func badRecord(replica: Int, redisKey: Bytes)
    /// `count` tombstones and expired values were collected on all replicas.
    func reaped(_ count: Int)
    /// A comparison of all records of `replica` with every other replica ended; `failure` says why where it did not finish.
    func walkEnded(replica: Int, compared: Int, mended: Int, failure: String?)
}

extension AvailableObserver {
    public func stalenessMeasured(replica: Int, stalenessMs: Int64?) {}
    public func outboxMeasured(owner: Int, peer: Int, entries: Int, overflowed: Int) {}
    public func conflictsMeasured(replica: Int, keys: Int) {}
    public func comparisonMeasured(replica: Int, isNeeded: Bool) {}
    public func conflictSeen(values: Int) {}
    public func valuesOverwritten(_ count: Int) {}
    public func partitionSuspected(replica: Int) {}
    public func partitionHealed(replica: Int) {}
    public func drained(owner: Int, peer: Int, entries: Int) {}
    public func replicaAdopted(_ replica: Int, incarnation: String) {}
    public func replicaRefused(_ replica: Int, reason: String) {}
    public func badRecord(replica: Int, redisKey: Bytes) {}
    public func reaped(_ count: Int) {}
    public func walkEnded(replica: Int, compared: Int, mended: Int, failure: String?) {}
}
