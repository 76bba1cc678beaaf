import Replication

extension ServerInfo {
    /// Why a replica must not be used that may drop keys when its memory is full: not only values would go without a
    /// trace, but also hints and its identity. Nil if it drops at most keys that expire, which are leases.
    var evictionProblem: String? {
        guard let policy = self["maxmemory_policy"], policy.hasPrefix("allkeys-"), let limit = self["maxmemory"],
            limit != "0"
        else { return nil }
        return "its maxmemory-policy \(policy) drops records when its memory is full: set it to noeviction"
    }
}
