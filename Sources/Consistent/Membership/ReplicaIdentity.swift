import Replication

/// The identity of a replica, stored in its Redis hash `cap:identity` (rule C8).
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

    /// Scripts compare epochs as numbers, which are exact below 2^53. An identity that reports this value or more
    /// counts as corrupt. So half of the range remains for later epochs.
    static let epochLimit: UInt64 = 1 << 52

    /// The fields of `cap:identity` that ``init(fields:)`` expects, in order.
    static let fieldNames = ["group", "replica", "incarnation", "state", "epoch"]

    init(group: Bytes, replica: Bytes, incarnation: Bytes, state: State, epoch: UInt64) {
        self.group = group
        self.replica = replica
        self.incarnation = incarnation
        self.state = state
        self.epoch = epoch
    }

    /// The reply in which a replica reports this identity.
    var fields: Reply {
        .array([
            .bulk(group), .bulk(replica), .bulk(incarnation), .bulk(Bytes(state.rawValue.utf8)),
            .bulk(Bytes(decimal: epoch)),
        ])
    }

    /// Parses a reply. Nil for a blank replica (all fields null), and for a hash that another program wrote.
    init?(fields: Reply?) {
        guard let group = fields?[0]?.bytes, let replica = fields?[1]?.bytes, let incarnation = fields?[2]?.bytes,
            let state = fields?[3]?.text.flatMap(State.init), let epoch = fields?[4]?.int64,
            (0..<Int64(Self.epochLimit)).contains(epoch)
        else { return nil }
        self.group = group
        self.replica = replica
        self.incarnation = incarnation
        self.state = state
        self.epoch = UInt64(epoch)
    }
}

/// The identity that a replica reported. Only a reply whose fields are all null means "blank". An error reports no
/// identity, and does not mean "blank".
enum ReportedIdentity: Equatable {
    /// The replica has no identity.
    case blank
    /// The identity has the expected group and name.
    case own(ReplicaIdentity)
    /// The identity has another group or name. The text is a phrase that names it.
    case foreign(String)
    /// The identity is unknown: the replica did not answer, is loading, busy or out of memory, or another program wrote
    /// the record.
    case unclear(ServerError)

    /// Parses the fields of `cap:identity`. At least those of ``ReplicaIdentity/fieldNames`` are required.
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

    /// The identity of a replica with the expected group and name; nil in all other cases.
    var own: ReplicaIdentity? { if case .own(let identity) = self { identity } else { nil } }
}
