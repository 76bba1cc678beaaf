import Replication

/// Who counts: the value of the configuration register (rule C8).
struct GroupConfiguration: Equatable, Sendable {
    struct Member: Equatable, Sendable {
        let name: String
        /// Drawn once by the replica when it was adopted; another one means another, or a wiped, replica.
        let incarnation: Bytes
        /// False while it is being rebuilt: it may not vote.
        let isCounted: Bool
    }

    /// Rises with every change of membership; replicas refuse proposers of a lower one.
    let epoch: UInt64
    /// In the order of `REPLICAS`.
    let members: [Member]
    /// The replicas whose answers count.
    let counted: ReplicaSet

    /// `epoch=1 g1=<incarnation>:counted g2=…`, as it stands in Redis.
    var text: Bytes {
        let words = members.map { member in
            let incarnation = String(decoding: member.incarnation, as: UTF8.self)
            return "\(member.name)=\(incarnation):\(member.isCounted ? "counted" : "learning")"
        }
        return Bytes((["epoch=\(epoch)"] + words).joined(separator: " ").utf8)
    }

    init(epoch: UInt64, members: [Member]) {
        self.epoch = epoch
        self.members = members
        counted = Self.counted(members)
    }

    /// Reads a configuration and puts its members in the order of `names`. Nil where it is not one, or not of exactly
    /// these replicas.
    init?(text: Bytes, names: [String]) {
        let words = String(decoding: text, as: UTF8.self).split(separator: " ")
        guard let first = words.first, first.hasPrefix("epoch="), let epoch = UInt64(first.dropFirst(6)),
            words.count == names.count + 1
        else { return nil }
        var byName: [String: Member] = [:]
        for word in words.dropFirst() {
            guard let equals = word.firstIndex(of: "="), let colon = word.lastIndex(of: ":"), equals < colon else {
                return nil
            }
            let state = word[word.index(after: colon)...]
            guard state == "counted" || state == "learning" else { return nil }
            let name = String(word[..<equals])
            let incarnation = Bytes(word[word.index(after: equals)..<colon].utf8)
            byName[name] = Member(name: name, incarnation: incarnation, isCounted: state == "counted")
        }
        let members = names.compactMap { byName[$0] }
        guard members.count == names.count else { return nil }
        self.init(epoch: epoch, members: members)
    }

    private static func counted(_ members: [Member]) -> ReplicaSet {
        var set: ReplicaSet = []
        for (index, member) in members.enumerated() where member.isCounted { set.insert(index) }
        return set
    }
}
