import Replication

/// The view that one instance has of a replica, from the last probe and the last write probe.
public struct ReplicaView: Sendable, Equatable {
    public enum Role: Sendable, Equatable {
        /// The replica is not available, or did not answer the last probe.
        case unreachable
        /// The replica answers, but has not been admitted, so it is not used.
        case notAdmitted(reason: String)
        /// The replica replied with an error or something unreadable, so its role is unknown.
        case unclear(ServerError)
        /// A database without an identity and, as far as is known, without keys: a new server, or one that was wiped.
        case blank
        /// The database has keys but no identity. It belongs to another program and is not changed.
        case occupied
        /// A member of another group, or initialised under another name. The text is a phrase that names it.
        case foreign(String)
        /// The replica has an identity, but may not vote yet.
        case rebuilding
        /// A former member whose place another incarnation has taken: wipe it to use it again.
        case replaced
        /// The replica reports that it is a member. It votes if the configuration names it as a voter.
        case member

        /// One word for `/replicas`.
        public var name: String {
            switch self {
            case .unreachable: "unreachable"
            case .notAdmitted: "not_admitted"
            case .unclear: "unclear"
            case .blank: "blank"
            case .occupied: "occupied"
            case .foreign: "foreign"
            case .rebuilding: "rebuilding"
            case .replaced: "replaced"
            case .member: "acceptor"
            }
        }
    }

    /// The result of a write probe.
    public enum WriteResult: Sendable, Equatable {
        case applied
        case rejected(ServerError)
    }

    public let name: String
    public internal(set) var role = Role.unreachable
    public internal(set) var incarnation: String?
    /// The highest epoch that the replica has seen.
    public internal(set) var epoch: UInt64?
    /// Its rollback counter, which instances raise about once a second.
    public internal(set) var rollbackCounter: UInt64?
    /// The number of keys in its database.
    public internal(set) var keyCount: Int64?
    /// Settings and states that rule C9 does not allow; nil while unknown.
    public internal(set) var durabilityFaults: [String]?
    /// The result of the last write probe; nil if there is none. Each member gets one about once a second.
    public internal(set) var lastWrite: WriteResult?
    /// The progress of its rebuild by this instance; nil if there was none.
    public internal(set) var rebuild: RebuildProgress?

    init(name: String) { self.name = name }

    /// - Parameters:
    ///   - keyCount: the number of keys in its database, if known.
    ///   - expectedIncarnation: the incarnation that the configuration in force names, if known.
    init(
        name: String, _ reported: ReportedIdentity, keyCount: Int64? = nil, expectedIncarnation: Bytes? = nil
    ) {
        self.name = name
        self.keyCount = keyCount
        switch reported {
        case .blank: role = keyCount ?? 0 > 0 ? .occupied : .blank
        case .foreign(let what): role = .foreign(what)
        case .unclear(let error): role = .unclear(error)
        case .own(let identity):
            incarnation = String(decoding: identity.incarnation, as: UTF8.self)
            epoch = identity.epoch
            let isReplaced = expectedIncarnation.map { $0 != identity.incarnation } ?? false
            role = identity.state == .rebuilding ? .rebuilding : isReplaced ? .replaced : .member
        }
    }

    /// True if the last write probe was applied.
    public var isWritable: Bool { lastWrite == .applied }

    /// Why the last write probe was rejected; nil if it was applied, or before the first.
    public var writeError: ServerError? { if case .rejected(let error)? = lastWrite { error } else { nil } }

    /// Why the replica is not a member, in words for operators; nil for a member.
    public var problem: String? {
        switch role {
        case .member: nil
        case .unreachable: "\(name) does not answer"
        case .notAdmitted(let reason): "\(name) is not admitted: \(reason)"
        case .unclear(let error): "\(name) rejects commands: \(error.text)"
        case .blank: "\(name) is blank"
        case .occupied: "\(name) holds keys that are not of this program"
        case .foreign(let what): "\(name) \(what)"
        case .rebuilding: "\(name) is being rebuilt"
        case .replaced: "\(name) is a former member whose place is taken: wipe it to use it again"
        }
    }

    /// Why the replica is not a member, in words for clients: without the error text of the server. Nil for a member.
    var summary: String? {
        switch role {
        case .notAdmitted: "\(name) is not admitted"
        case .unclear(let error): "\(name) rejects commands: \(error.summary)"
        default: problem
        }
    }
}

extension StoreFailure {
    /// The failure if fewer than a majority of all replicas vote.
    /// - Parameter views: the views of the replicas, or only of those that answered.
    init(tooFewVoters views: [ReplicaView], majority: Int) {
        let blankCount = views.count { $0.role == .blank }
        let isRebuilding = views.contains { $0.role == .blank || $0.role == .rebuilding }
        let code: Code = blankCount >= majority ? .replicasBlank : isRebuilding ? .rebuilding : .noQuorum
        let problems = views.compactMap(\.summary).joined(separator: ", ")
        self.init(code, "too few replicas can vote: \(problems)")
    }
}

extension [ReplicaView] {
    /// How many of `voters` report to be members.
    func votingCount(among voters: ReplicaSet) -> Int {
        voters.count { self[$0].role == .member }
    }

    /// Why a change cannot succeed although a majority votes: too few of `voters` accept writes. Nil if enough do. A
    /// voter that was sent no write probe yet counts as accepting.
    func writeFailure(among voters: ReplicaSet, majority: Int) -> StoreFailure? {
        let voting = voters.map { self[$0] }.filter { $0.role == .member }
        let errors = voting.compactMap { view in view.writeError.map { (view.name, $0) } }
        guard voting.count - errors.count < majority, let (_, error) = errors.first else { return nil }
        let reasons = errors.map { "\($0): \($1.summary)" }.joined(separator: ", ")
        return StoreFailure(StoreFailure.Code(error), "too few replicas accept writes: \(reasons)")
    }
}
