import Replication

/// Which replicas reject this instance's write probes (rule C9): `min-replicas-to-write`, a failed save, full memory, a
/// missing permission. `INFO` does not show all of them, so the result of a write decides.
///
/// ``RollbackCounters`` sends each member one such write per second.
final class WriteProbes {
    private let events: (any ConsistentEvents)?
    /// By replica: the error of the last write; nil if it was applied, or before the first.
    private(set) var errors: [ServerError?]
    private(set) var rejecting: ReplicaSet = []
    private(set) var accepting: ReplicaSet = []

    init(replicaCount: Int, events: (any ConsistentEvents)?) {
        self.events = events
        errors = Array(repeating: nil, count: replicaCount)
    }

    /// Ignores replies that tell nothing about writes:
    ///
    /// - none: the circuit breaker handles silent replicas;
    /// - null: the replica is no member, and nothing was written;
    /// - a script that was not loaded: the connection reloads it.
    /// - Returns: true if the replica accepts writes again after an error.
    @discardableResult
    func note(_ reply: Reply?, of replica: Int) -> Bool {
        guard let reply, !reply.isNull else { return false }
        let error = reply.error
        guard error?.kind != .noScript else { return false }
        let before = errors[replica]
        if error != before { events?.writesRejected(by: replica, reason: error?.text) }
        errors[replica] = error
        if error == nil {
            rejecting.remove(replica)
            accepting.insert(replica)
        } else {
            rejecting.insert(replica)
            accepting.remove(replica)
        }
        return error == nil && before != nil
    }
}
