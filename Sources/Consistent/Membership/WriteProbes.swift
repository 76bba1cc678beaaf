import Replication

/// Records which replicas reject this instance's write probes (rule C9). Causes of a rejection include
/// `min-replicas-to-write`, a failed save, full memory, and a missing permission. `INFO` does not show all of them, so
/// the result of a write decides.
///
/// ``RollbackCounters`` sends a write probe about once a second to each member whose server process was compared with
/// the witnesses.
final class WriteProbes {
    private let events: (any ConsistentEvents)?
    /// By replica: the error of its last write probe; nil if that was applied, or before the first.
    private(set) var errors: [ServerError?]
    private(set) var rejecting: ReplicaSet = []
    private(set) var accepting: ReplicaSet = []

    init(replicaCount: Int, events: (any ConsistentEvents)?) {
        self.events = events
        errors = Array(repeating: nil, count: replicaCount)
    }

    /// Records the reply to a write probe. Ignores replies that do not show whether the replica accepts writes:
    ///
    /// - no reply: the circuit breaker handles unresponsive replicas;
    /// - null: the replica is not a member, and nothing was written;
    /// - an error because the script was not loaded: the connection reloads it.
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
