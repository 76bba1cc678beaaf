import Replication

/// One replica as an instance knows it: its report to the last probe.
public struct ReplicaView: Sendable, Equatable {
    /// The raw value is the word for `/replicas`.
    public enum Standing: String, Sendable {
        /// Not connected, or silent at the last probe.
        case unreachable
        /// It answers, but may not be used yet.
        case notAdmitted = "not_admitted"
        /// It replied, but with an error or something unreadable: its role is unknown.
        case unclear
        /// A database without keys: a new server, or one that was wiped.
        case blank
        /// It has keys and no identity: it belongs to another program, and stays untouched.
        case occupied
        /// A member of another group, or under another name.
        case foreign
        /// It has its identity and may not vote yet.
        case rebuilding
        /// A former member whose place another incarnation has taken: wipe it to use it again.
        case replaced
        /// It votes.
        case member = "acceptor"
    }

    public let name: String
    public internal(set) var standing = Standing.unreachable
    public internal(set) var incarnation: String?
    /// The highest epoch that the replica has seen.
    public internal(set) var epoch: UInt64?
    /// How often it was seen alive as a member.
    public internal(set) var rollbackCounter: UInt64?
    /// Keys in its database.
    public internal(set) var keyCount: Int64?
    /// Settings and states that may lose acknowledged changes (rule C9); nil while unknown.
    public internal(set) var durabilityFaults: [String]?
    /// The last write probe was applied; one per second.
    public internal(set) var isWritable = false
    /// Why the last write probe was rejected; nil if it was applied, or before the first.
    public internal(set) var refusal: ServerError?
    /// Its rebuild by this instance, running, waiting or done.
    public internal(set) var rebuild: RebuildProgress?
    /// What a foreign replica reports, or why a replica is not admitted.
    private var report = ""
    /// What an unclear replica reports.
    private var error: ServerError?

    init(name: String) { self.name = name }

    /// - Parameters:
    ///   - keyCount: of its database, where that is known.
    ///   - expectedIncarnation: the one that the configuration in force names, if that is known.
    init(
        name: String, _ reported: ReportedIdentity, keyCount: Int64? = nil, expectedIncarnation: Bytes? = nil
    ) {
        self.name = name
        self.keyCount = keyCount
        switch reported {
        case .blank: standing = keyCount ?? 0 > 0 ? .occupied : .blank
        case .foreign(let what): (standing, report) = (.foreign, what)
        case .unclear(let error): (standing, self.error) = (.unclear, error)
        case .own(let identity):
            incarnation = String(decoding: identity.incarnation, as: UTF8.self)
            epoch = identity.epoch
            let isReplaced = expectedIncarnation.map { $0 != identity.incarnation } ?? false
            standing = identity.state == .rebuilding ? .rebuilding : isReplaced ? .replaced : .member
        }
    }

    /// Records why a replica that answers is not connected.
    mutating func refuse(_ reason: String) { (standing, report) = (.notAdmitted, reason) }

    /// One word for `/replicas`.
    public var role: String { standing.rawValue }

    /// Why it does not vote; nil if it does. For operators.
    public var problem: String? { problem(withError: error?.text) }

    /// The same for clients, without the words of the server.
    var summary: String? {
        standing == .notAdmitted ? "\(name) is not admitted" : problem(withError: error?.summary)
    }

    private func problem(withError error: String?) -> String? {
        switch standing {
        case .member: nil
        case .unreachable: "\(name) does not answer"
        case .notAdmitted: "\(name) is not admitted: \(report)"
        case .unclear: "\(name) rejects commands: \(error ?? "")"
        case .blank: "\(name) is blank"
        case .occupied: "\(name) holds keys that are not of this program"
        case .foreign: "\(name) \(report)"
        case .rebuilding: "\(name) is being rebuilt"
        case .replaced: "\(name) is a former member whose place is taken: wipe it to use it again"
        }
    }
}

extension StoreFailure {
    /// Fewer than a majority vote.
    /// - Parameter views: those of all replicas that answered.
    init(tooFewVoters views: [ReplicaView], majority: Int) {
        let blankCount = views.count { $0.standing == .blank }
        let isRebuilding = views.contains { $0.standing == .blank || $0.standing == .rebuilding }
        let code: Code = blankCount >= majority ? .replicasBlank : isRebuilding ? .rebuilding : .noQuorum
        let problems = views.compactMap(\.summary).joined(separator: ", ")
        self.init(code, "too few replicas can vote: \(problems)")
    }
}

extension [ReplicaView] {
    /// How many of `voters` report to be members.
    func votingCount(among voters: ReplicaSet) -> Int {
        voters.count { self[$0].standing == .member }
    }

    /// Why a change cannot succeed although a majority votes: too few of `voters` accept writes. Nil if enough do, or
    /// if that is not known yet.
    func writeFailure(among voters: ReplicaSet, majority: Int) -> StoreFailure? {
        let voting = voters.map { self[$0] }.filter { $0.standing == .member }
        let refusals = voting.compactMap { view in view.refusal.map { (view.name, $0) } }
        guard voting.count - refusals.count < majority, let (_, error) = refusals.first else { return nil }
        let reasons = refusals.map { "\($0): \($1.summary)" }.joined(separator: ", ")
        return StoreFailure(StoreFailure.Code(error), "too few replicas accept writes: \(reasons)")
    }
}

/// How far the rebuild of a blank replica has come (rule C8).
public struct RebuildProgress: Sendable, Equatable {
    public enum Phase: String, Sendable {
        /// All other replicas must be available first.
        case waiting
        case adopting
        /// Getting the configuration chosen that names it as a learner.
        case announcing
        /// Making the other replicas agree on every key.
        case comparing
        /// Getting the configuration chosen that names it as a voter.
        case admitting
        case promoting
        case done
    }

    public internal(set) var phase = Phase.waiting
    public internal(set) var keysCompared: UInt64 = 0
    /// Keys on which the other replicas disagreed.
    public internal(set) var keysRepaired: UInt64 = 0
    /// The reason why it waits or stopped.
    public internal(set) var note: String?
}
