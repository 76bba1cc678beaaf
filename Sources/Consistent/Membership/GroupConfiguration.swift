import Replication

/// Which replicas vote: the value of the configuration register (rule C8).
struct GroupConfiguration: Equatable, Sendable {
    struct Member: Equatable, Sendable {
        let name: String
        /// Drawn once when the replica was adopted; another one means another replica, or a wiped one.
        let incarnation: Bytes
        /// False for a learner: a replica that is being rebuilt and must not vote yet.
        let isVoter: Bool
    }

    /// Rises with every change of membership; replicas reject proposers of a lower epoch.
    let epoch: UInt64
    /// In the order of `REPLICAS`.
    let members: [Member]
    /// The replicas whose replies count.
    let voters: ReplicaSet

    init(epoch: UInt64, members: [Member]) {
        self.epoch = epoch
        self.members = members
        voters = ReplicaSet(members.indices.filter { members[$0].isVoter })
    }

    /// The next configuration, in which one replica differs. Since only one does, any quorum of this configuration and
    /// any quorum of the next share a replica.
    func replacing(_ replica: Int, with incarnation: Bytes, isVoter: Bool) -> GroupConfiguration {
        var members = members
        members[replica] = Member(name: members[replica].name, incarnation: incarnation, isVoter: isVoter)
        return GroupConfiguration(epoch: epoch + 1, members: members)
    }

    /// `epoch=1 g1=<incarnation>:voter g2=<incarnation>:learner …`, as stored in Redis.
    var text: Bytes {
        let entries = members.map { member in
            let incarnation = String(decoding: member.incarnation, as: UTF8.self)
            return "\(member.name)=\(incarnation):\(member.isVoter ? "voter" : "learner")"
        }
        return Bytes((["epoch=\(epoch)"] + entries).joined(separator: " ").utf8)
    }

    /// The names of the members in a ``text``.
    static func names(in text: Bytes) -> [String] {
        String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().map { String($0.prefix { $0 != "=" }) }
    }

    /// Parses a ``text`` and puts its members in the order of `names`. Nil if it is malformed, or not of exactly these
    /// replicas.
    init?(text: Bytes, names: [String]) {
        let parts = String(decoding: text, as: UTF8.self).split(separator: " ")
        guard let first = parts.first, first.hasPrefix("epoch="), let epoch = UInt64(first.dropFirst(6)),
            parts.count == names.count + 1
        else { return nil }
        var byName: [String: Member] = [:]
        for part in parts.dropFirst() {
            guard let equals = part.firstIndex(of: "="), let colon = part.lastIndex(of: ":"), equals < colon else {
                return nil
            }
            let role = part[part.index(after: colon)...]
            guard role == "voter" || role == "learner" else { return nil }
            let name = String(part[..<equals])
            let incarnation = Bytes(part[part.index(after: equals)..<colon].utf8)
            byName[name] = Member(name: name, incarnation: incarnation, isVoter: role == "voter")
        }
        let members = names.compactMap { byName[$0] }
        guard members.count == names.count else { return nil }
        self.init(epoch: epoch, members: members)
    }
}
