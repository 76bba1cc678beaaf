import Replication

/// The report of one replica: the reply to the script `probe`.
struct ReplicaObservation: Equatable {
    var reported: ReportedIdentity
    /// The replica's rollback counter, which instances raise about once a second. 0 if the replica has no identity.
    var rollbackCounter: UInt64 = 0
    /// The number of all keys in its database, whichever program wrote them.
    var keyCount: Int64 = 0
    /// The rollback counters of other replicas, by incarnation, of which this replica is a witness.
    var witnessed: [Bytes: UInt64] = [:]

    /// Nil if there was no reply.
    init?(_ reply: Reply?, group: Bytes, name: String) {
        guard let reply else { return nil }
        guard case .array(let parts) = reply, parts.count >= 3 else {
            reported = .unclear(reply.error ?? .malformed("unexpected kind of reply"))
            return
        }
        let identityFields = parts[0]
        reported = ReportedIdentity(fields: identityFields, group: group, name: name)
        rollbackCounter = UInt64(max(identityFields[5]?.int64 ?? 0, 0))
        keyCount = parts[1].int64 ?? 0
        let pairs = parts[2].array ?? []
        for place in stride(from: 0, to: pairs.count - 1, by: 2) {
            if let incarnation = pairs[place].bytes, let counter = pairs[place + 1].int64 {
                witnessed[incarnation] = UInt64(max(counter, 0))
            }
        }
    }

    /// The identity of a replica with the expected group and name; nil for any other.
    var identity: ReplicaIdentity? { reported.own }

    /// The replica's identity if it is a member; nil otherwise.
    var member: ReplicaIdentity? { identity.flatMap { $0.state == .member ? $0 : nil } }
}

extension AcceptorGroup {
    /// Parses the replies to the script `probe`. By replica; nil for a replica that did not reply.
    func observations(_ reply: (_ replica: Int) -> Reply?) -> [ReplicaObservation?] {
        replicas.replicaNames.enumerated().map { ReplicaObservation(reply($0), group: name, name: $1) }
    }
}
