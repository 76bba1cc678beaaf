import Replication

/// Decides from the replies of the members which configuration is chosen, and which is in force (rule C8).
/// ``ConfigurationRegister`` does the I/O.
struct ConfigurationEvidence {
    /// A configuration that a replica has accepted, and the ballot of that accept.
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

    /// The configuration that is known to be chosen; nil if there is none. A quorum of its voters, in the incarnations
    /// that it names, reports it at one ballot.
    ///
    /// No later configuration can be chosen: a quorum of these voters would then report that one instead.
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

    /// The configuration of the epoch that the replicas report; nil if it cannot be determined. A half-done change is
    /// completed under this configuration.
    ///
    /// Ignores a configuration that does not name a majority of the members in their current incarnations. Such a
    /// configuration is from a group that was wiped since, or cannot reach agreement now.
    var inForce: GroupConfiguration? {
        let own = latestFirst.map(\.configuration).filter { configuration in
            let named = replicas { $0.isNamed(by: configuration) }
            return Quorum(voters: .all(configuration.entries.count), size: majority).isReached(by: named)
        }
        let epoch =
            members.filter { member in own.contains { member.isNamed(by: $0) } }.map(\.identity.epoch).max() ?? 0
        return own.first { $0.epoch == epoch } ?? own.first { $0.epoch == epoch + 1 }.map(predecessor)
    }

    /// Derives the configuration before `next`. The two differ in one replica, which gets no vote here: its earlier
    /// incarnation is lost, or it was a learner. A majority is still counted over all replicas.
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
