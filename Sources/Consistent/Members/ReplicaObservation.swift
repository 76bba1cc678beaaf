import Replication

/// One look at one replica: what the script `observe` answered.
struct ReplicaObservation: Equatable {
    var says: ReplicaSelf
    /// How often it was seen alive as a member; 0 where it has no identity.
    var beat: UInt64 = 0
    /// All keys of its database, whoever wrote them.
    var keyCount: Int64 = 0
    /// The beats of others, by incarnation, as they were last copied there.
    var copies: [Bytes: UInt64] = [:]

    /// Nil where there was no reply.
    init?(_ reply: Reply?, group: Bytes, name: String) {
        guard let reply else { return nil }
        guard case .array(let parts) = reply, parts.count >= 5 else {
            if case .error(let text) = reply { says = .unclear(text) } else { says = .unclear("no such reply") }
            return
        }
        says = ReplicaSelf(fields: parts[0], group: group, name: name)
        beat = UInt64(clamping: parts[0][5]?.int64 ?? 0)
        keyCount = parts[1].int64 ?? 0
        let words = parts[4].array ?? []
        for place in stride(from: 0, to: words.count - 1, by: 2) {
            if let incarnation = words[place].bytes, let beat = words[place + 1].int64 {
                copies[incarnation] = UInt64(clamping: beat)
            }
        }
    }

    /// The identity of a replica of our group and name; nil for any other.
    var identity: ReplicaIdentity? { if case .own(let identity) = says { identity } else { nil } }
}

extension UInt64 {
    fileprivate init(clamping value: Int64) { self = value < 0 ? 0 : UInt64(value) }
}
