import Replication

/// The incarnations of the replicas, and which of them vote: the value of the configuration register (rule C8).
struct GroupConfiguration: Equatable, Sendable {
    /// One replica, voter or learner.
    struct Entry: Equatable, Sendable {
        let name: String
        /// A random number, drawn when the replica was adopted. If a replica reports another one, it was wiped or
        /// replaced.
        let incarnation: Bytes
        /// False for a learner: a replica that is being rebuilt and must not vote yet.
        let isVoter: Bool
    }

    /// Rises with every change of membership; replicas reject proposers of a lower epoch.
    let epoch: UInt64
    /// In the order of the setting `REPLICAS`.
    let entries: [Entry]
    /// The replicas whose replies count towards a majority.
    let voters: ReplicaSet

    init(epoch: UInt64, entries: [Entry]) {
        self.epoch = epoch
        self.entries = entries
        voters = ReplicaSet(entries.indices.filter { entries[$0].isVoter })
    }

    /// The next configuration, in which one replica differs. That replica must vote in at most one of the two. Then any
    /// quorum of one and any quorum of the other share a voter that did not change.
    func replacing(_ replica: Int, with incarnation: Bytes, isVoter: Bool) -> GroupConfiguration {
        var entries = entries
        entries[replica] = Entry(name: entries[replica].name, incarnation: incarnation, isVoter: isVoter)
        return GroupConfiguration(epoch: epoch + 1, entries: entries)
    }

    /// The identity that a member of this configuration reports once it has stored the configuration's epoch.
    func expectedIdentity(of replica: Int, group: Bytes) -> ReplicaIdentity {
        let entry = entries[replica]
        return ReplicaIdentity(
            group: group, replica: Bytes(entry.name.utf8), incarnation: entry.incarnation, state: .member, epoch: epoch)
    }

    /// `epoch=1 g1=<incarnation>:voter g2=<incarnation>:learner …`, as stored in Redis.
    var text: Bytes {
        let texts = entries.map { entry in
            let incarnation = String(decoding: entry.incarnation, as: UTF8.self)
            return "\(entry.name)=\(incarnation):\(entry.isVoter ? "voter" : "learner")"
        }
        return Bytes((["epoch=\(epoch)"] + texts).joined(separator: " ").utf8)
    }

    /// The names of the replicas in a ``text``.
    static func names(in text: Bytes) -> [String] {
        String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().map { String($0.prefix { $0 != "=" }) }
    }

    /// Parses a ``text`` and puts its entries in the order of `names`. Nil if it is malformed, or not of exactly these
    /// replicas.
    init?(text: Bytes, names: [String]) {
        let parts = String(decoding: text, as: UTF8.self).split(separator: " ")
        guard let first = parts.first, first.hasPrefix("epoch="), let epoch = UInt64(first.dropFirst(6)),
            epoch < ReplicaIdentity.epochLimit, parts.count == names.count + 1
        else { return nil }
        var byName: [String: Entry] = [:]
        for part in parts.dropFirst() {
            guard let equals = part.firstIndex(of: "="), let colon = part.lastIndex(of: ":"), equals < colon else {
                return nil
            }
            let role = part[part.index(after: colon)...]
            guard role == "voter" || role == "learner" else { return nil }
            let name = String(part[..<equals])
            let incarnation = Bytes(part[part.index(after: equals)..<colon].utf8)
            byName[name] = Entry(name: name, incarnation: incarnation, isVoter: role == "voter")
        }
        let entries = names.compactMap { byName[$0] }
        guard entries.count == names.count else { return nil }
        self.init(epoch: epoch, entries: entries)
    }
}
