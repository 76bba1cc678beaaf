import Replication

/// The identity of a replica: the hash `cap:identity` (rule C8).
struct ReplicaIdentity: Equatable, Sendable {
    enum State: String, Sendable {
        case member
        case rebuilding
    }

    let group: Bytes
    let replica: Bytes
    let incarnation: Bytes
    let state: State
    /// The highest epoch that the replica has seen.
    let epoch: UInt64

    /// The fields of `cap:identity` that ``init(fields:)`` takes, in order.
    static let fieldNames = ["group", "replica", "incarnation", "state", "epoch"]

    init(group: Bytes, replica: Bytes, incarnation: Bytes, state: State, epoch: UInt64) {
        self.group = group
        self.replica = replica
        self.incarnation = incarnation
        self.state = state
        self.epoch = epoch
    }

    /// The reply that reports it.
    var fields: Reply {
        .array([
            .bulk(group), .bulk(replica), .bulk(incarnation), .bulk(Bytes(state.rawValue.utf8)),
            .bulk(Bytes(decimal: epoch)),
        ])
    }

    /// Nil for a blank replica (all fields null) and for one that another program wrote to.
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

/// The identity that a replica reported. Only nulls mean "blank": an error reports nothing.
enum ReportedIdentity: Equatable {
    /// The replica has no identity.
    case blank
    /// The identity has the expected group and name.
    case own(ReplicaIdentity)
    /// The identity has another group or name; which, as a phrase.
    case foreign(String)
    /// The reply does not tell: loading, busy, out of memory, or a record that another program wrote.
    case unclear(ServerError)

    /// From the fields of `cap:identity`, at least those of ``ReplicaIdentity/fieldNames``.
    init(fields reply: Reply?, group: Bytes, name: String) {
        guard case .array(let fields)? = reply, fields.count >= ReplicaIdentity.fieldNames.count else {
            self = .unclear(reply?.error ?? .malformed("unexpected kind of reply"))
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
        } else if let other = fields[0].text, fields[3].isNull, fields[4].isNull {
            // Only replicas of the CP engine have a state and an epoch.
            self = .foreign("belongs to the group '\(other)' of app-ap")
        } else {
            self = .unclear(.malformed("its identity is not of the form that this program writes"))
        }
    }

    /// Nil unless ``own(_:)``.
    var own: ReplicaIdentity? { if case .own(let identity) = self { identity } else { nil } }
}
