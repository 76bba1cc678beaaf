import Replication

/// What a replica says of itself: the hash `cap:identity` (rule C8).
struct ReplicaIdentity: Equatable, Sendable {
    enum State: String, Sendable {
        case member
        case rebuilding
    }

    let group: Bytes
    let replica: Bytes
    let incarnation: Bytes
    let state: State
    let epoch: UInt64

    /// The fields of `cap:identity` that ``init(fields:)`` takes, in order.
    static let fieldNames = ["group", "replica", "incarnation", "state", "epoch"]

    /// Nil for a blank replica (all fields null) or one that another program wrote to.
    init?(fields: Reply?) {
        guard let group = fields?[0]?.bytes, let replica = fields?[1]?.bytes, let incarnation = fields?[2]?.bytes,
            let state = fields?[3]?.text.flatMap(State.init), let epoch = fields?[4]?.int64, epoch >= 0
        else { return nil }
        self.group = group
        self.replica = replica
        self.incarnation = incarnation
        self.state = state
        self.epoch = UInt64(epoch)
    }
}

/// What a reply tells about the replica that it came from. Only nulls say "blank": an error says nothing at all.
enum ReplicaSelf: Equatable {
    /// It has no identity.
    case blank
    /// It has one, under the name and in the group that we look for.
    case own(ReplicaIdentity)
    /// It has one of another group, or under another name; what is wrong with it, in a few words.
    case foreign(String)
    /// The reply does not tell: loading, busy, out of memory, or a record that another program wrote to.
    case unclear(String)

    /// From the fields of `cap:identity`, at least those of ``ReplicaIdentity/fieldNames``.
    init(fields reply: Reply?, group: Bytes, name: String) {
        guard case .array(let fields)? = reply, fields.count >= ReplicaIdentity.fieldNames.count else {
            if case .error(let text)? = reply { self = .unclear(text) } else { self = .unclear("no such reply") }
            return
        }
        if fields.allSatisfy(\.isNull) {
            self = .blank
        } else if let identity = ReplicaIdentity(fields: reply) {
            if identity.group != group {
                self = .foreign("belongs to the group '\(String(decoding: identity.group, as: UTF8.self))'")
            } else if identity.replica != Bytes(name.utf8) {
                let other = String(decoding: identity.replica, as: UTF8.self)
                self = .foreign("was initialised under the name '\(other)'")
            } else {
                self = .own(identity)
            }
        } else {
            self = .unclear("its identity is not of the form that this program writes")
        }
    }
}
