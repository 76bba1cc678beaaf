/// The voters of a decision and how many of them must agree; modelled on etcd's `raft/quorum/majority.go`.
///
/// The engines compute majorities only here.
public struct Quorum: Sendable, Hashable {
    public let voters: ReplicaSet
    public let size: Int

    /// - Parameters:
    ///   - voters: only their votes are counted.
    ///   - size: more than half of the voters, so that any two quorums share a voter. It may exceed the number of
    ///     voters: a group of three with a single voter left still needs two.
    public init(voters: ReplicaSet, size: Int) {
        precondition(size >= 1 && 2 * size > voters.count, "two quorums might have no voter in common")
        self.voters = voters
        self.size = size
    }

    /// A majority of `replicaCount` replicas, of which only `voters` vote.
    public init(voters: ReplicaSet, majorityOf replicaCount: Int) {
        self.init(voters: voters, size: Self.majority(of: replicaCount))
    }

    /// The size of a majority of `count` replicas: any two majorities share a member.
    public static func majority(of count: Int) -> Int { count / 2 + 1 }

    /// How a vote stands.
    public enum Verdict: Sendable {
        /// Enough voters agreed.
        case won
        /// Enough voters can no longer agree.
        case lost
        /// The pending votes decide.
        case pending
    }

    /// - Parameters:
    ///   - yes: replicas that agreed.
    ///   - pending: replicas that may still agree.
    public func verdict(yes: ReplicaSet, pending: ReplicaSet) -> Verdict {
        if isReached(by: yes) { return .won }
        return yes.union(pending).intersection(voters).count < size ? .lost : .pending
    }

    public func isReached(by yes: ReplicaSet) -> Bool { yes.intersection(voters).count >= size }
}
