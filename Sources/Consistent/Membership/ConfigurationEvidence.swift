import Replication

/// Decides from the replies of the members which configuration is chosen (rule C8). If none is, a change of the
/// configuration was left half-done; then decides under which configuration to complete it. ``ConfigurationRegister``
/// does the I/O.
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

    /// The chosen configuration; nil if the replies show none. A configuration is chosen if a majority of all replicas
    /// reports it at one ballot, and no higher epoch. These replicas must be its voters, in the incarnations that it
    /// names.
    ///
    /// No later configuration was chosen before these replies. Otherwise a majority would hold it, would share a voter
    /// with this majority, and this voter would report the later configuration.
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

    /// The configuration under which a half-done change is completed; nil if it cannot be determined.
    ///
    /// Considers a configuration only if a majority of all replicas replied as members in the incarnations that it
    /// names. Otherwise its group has since been wiped, or the group cannot reach agreement now.
    ///
    /// The result has the highest epoch that a member named by such a configuration reports. If no member holds the
    /// configuration of that epoch any more, the result is derived from the one of the next epoch.
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
    /// incarnation is lost, or it was a learner. A replica that did not reply as a member gets no vote either. A
    /// majority is still more than half of all replicas.
    ///
    /// Needed if the members hold `next` only at different ballots, and none of them holds its predecessor.
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
