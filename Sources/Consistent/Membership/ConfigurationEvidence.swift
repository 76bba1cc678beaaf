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

    /// The configuration that is known to be chosen; nil if there is none. A majority of all replicas, all of them its
    /// voters in the incarnations that it names, reports it at one ballot and no higher epoch.
    ///
    /// No later configuration was chosen before these replies: a majority would hold it, and would share a voter with
    /// this majority.
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
    /// names. Otherwise its group has since been wiped, or it cannot reach agreement now.
    ///
    /// The result has the highest epoch that a member named by such a configuration reports. If no member holds it any
    /// more, it is derived from the configuration of the next epoch.
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
    /// majority is still counted over all replicas.
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
