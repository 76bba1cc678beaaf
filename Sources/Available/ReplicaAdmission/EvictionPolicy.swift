import Replication

extension ServerInfo {
    /// Why the replica's eviction policy is not acceptable; nil if it is. With an `allkeys-` policy, a full replica
    /// drops keys without a trace: values, hints and even its identity. Other policies evict at most keys that expire,
    /// which are leases.
    var evictionProblem: String? {
        guard let policy = self["maxmemory_policy"], policy.hasPrefix("allkeys-"), let limit = self["maxmemory"],
            limit != "0"
        else { return nil }
        return "its maxmemory-policy \(policy) drops records when its memory is full: set it to noeviction"
    }
}
