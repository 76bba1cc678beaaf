import Replication

/// Which replicas reject this instance's write probes (rule C9): `min-replicas-to-write`, a failed save, full memory, a
/// missing permission. `INFO` does not show all of them, so the result of a write decides.
///
/// ``RollbackCounters`` sends each member one such write per second.
final class WriteProbes {
    private let events: (any ConsistentEvents)?
    /// By replica: the error of the last write; nil if it was applied, or before the first.
    private(set) var refusals: [ServerError?]
    private(set) var refusing: ReplicaSet = []
    private(set) var accepting: ReplicaSet = []

    init(replicaCount: Int, events: (any ConsistentEvents)?) {
        self.events = events
        refusals = Array(repeating: nil, count: replicaCount)
    }

    /// A write without a reply changes nothing, because the connection judges silence. Nor does one whose script was not
    /// loaded: the connection loads it again.
    func note(_ reply: Reply?, of replica: Int) {
        guard let reply else { return }
        let error = reply.error
        guard error?.kind != .noScript else { return }
        if error != refusals[replica] { events?.writesRejected(by: replica, reason: error?.text) }
        refusals[replica] = error
        if error == nil {
            refusing.remove(replica)
            accepting.insert(replica)
        } else {
            refusing.insert(replica)
            accepting.remove(replica)
        }
    }
}
