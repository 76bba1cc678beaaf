import Replication

/// The members' reports about the configuration, and the conclusions from them: the decisions of
/// ``ConfigurationRegister`` without its I/O (rule C8).
struct ConfigurationEvidence {
    /// A configuration that a replica has accepted, and the ballot at which it did.
    struct Candidate {
        let configuration: GroupConfiguration
        let ballot: Ballot
    }

    /// A replica that reports to be a member.
    struct Member {
        let replica: Int
        let identity: ReplicaIdentity
        let candidate: Candidate?

        func isNamed(by configuration: GroupConfiguration) -> Bool {
            configuration.entries[replica].incarnation == identity.incarnation
        }
    }

    let members: [Member]
    /// The size of a majority of all replicas.
    let majority: Int

    /// The configuration that is known to be chosen: a quorum of its voters, in the incarnations that it names, reports
    /// it at one ballot.
    ///
    /// No later configuration is chosen: a quorum of these voters would then report that one instead.
    var chosen: GroupConfiguration? {
        for candidate in latestFirst {
            let configuration = candidate.configuration
            let holders = replicas { member in
                member.candidate?.ballot == candidate.ballot && member.isNamed(by: configuration)
                    && member.identity.epoch <= configuration.epoch
            }
            if Quorum(voters: configuration.voters, size: majority).isReached(by: holders) { return configuration }
        }
        return nil
    }

    /// The configuration of the epoch that the replicas report, under which to complete a half-done change; nil if that
    /// cannot be determined.
    ///
    /// Ignores a configuration that does not name a majority of the members in their present incarnations. It is from
    /// an earlier incarnation of the group, or nothing can be agreed on under it now.
    var inForce: GroupConfiguration? {
        let own = latestFirst.map(\.configuration).filter { configuration in
            let named = replicas { $0.isNamed(by: configuration) }
            return Quorum(voters: .all(configuration.entries.count), size: majority).isReached(by: named)
        }
        let epoch =
            members.filter { member in own.contains { member.isNamed(by: $0) } }.map(\.identity.epoch).max() ?? 0
        return own.first { $0.epoch == epoch } ?? own.first { $0.epoch == epoch + 1 }.map(predecessor)
    }

    /// Derives the configuration before `next`, without the vote of the replica in which they differ: its earlier
    /// incarnation is lost, or it was a learner. The majority is still counted over all replicas.
    ///
    /// Needed if every replica already holds `next`, but at different ballots, and none holds its predecessor.
    private func predecessor(of next: GroupConfiguration) -> GroupConfiguration {
        let entries = next.entries.enumerated().map { replica, entry in
            let isMember = members.contains { $0.replica == replica && $0.isNamed(by: next) }
            return GroupConfiguration.Entry(
                name: entry.name, incarnation: entry.incarnation, isVoter: entry.isVoter && isMember)
        }
        return GroupConfiguration(epoch: next.epoch - 1, entries: entries)
    }

    private var latestFirst: [Candidate] {
        members.compactMap(\.candidate).sorted {
            ($0.configuration.epoch, $0.ballot) > ($1.configuration.epoch, $1.ballot)
        }
    }

    private func replicas(where condition: (Member) -> Bool) -> ReplicaSet {
        ReplicaSet(members.filter(condition).map(\.replica))
    }
}
