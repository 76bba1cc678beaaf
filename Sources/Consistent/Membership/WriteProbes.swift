import Replication

/// Records which replicas reject this instance's write probes (rule C9). Causes are `min-replicas-to-write`, a failed
/// save, full memory, or a missing permission. `INFO` does not show all of them, so the result of a write decides.
///
/// ``RollbackCounters`` sends one write probe per second to each member.
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

    /// Records the reply to a write probe. Ignores replies that say nothing about writes:
    ///
    /// - no reply: the circuit breaker handles silent replicas;
    /// - null: the replica is no member, and nothing was written;
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
