import EventLoop
import Replication

/// Finds the configuration in force, and changes it: itself a register, used only once it is chosen (rule C8).
final class ConfigurationRegister {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes
    private let nextBallot: () -> Ballot
    private let sawBallot: (Ballot) -> Void

    /// The configuration in force as far as is known; nil before it was found, and after a replica contradicted it.
    private(set) var current: GroupConfiguration?
    private var waiters: [Waiter] = []
    private var isFetching = false
    private var lastFailure = StoreFailure(.noQuorum, "the group's configuration is not known yet")

    /// The longest that one look at the replicas may take.
    private static let maxFetchNs = 500 * nsPerMs

    init(
        group: any ReplicaGroup, scheduler: any Scheduler, groupName: Bytes, nextBallot: @escaping () -> Ballot,
        sawBallot: @escaping (Ballot) -> Void
    ) {
        self.group = group
        self.scheduler = scheduler
        self.groupName = groupName
        self.nextBallot = nextBallot
        self.sawBallot = sawBallot
    }

    private var quorum: Int { Quorum.majority(of: group.replicaCount) }

    /// Forgets the configuration, if it is still `configuration`: some replica knows a newer one, or is not who it says.
    func contradict(_ configuration: GroupConfiguration) {
        if current == configuration { current = nil }
    }

    /// The configuration in force; asks the replicas where it is not known. One look serves all who wait, each until its
    /// own deadline.
    /// - Throws: why it could not be found.
    func configuration(deadlineNs: UInt64) async throws(StoreFailure) -> GroupConfiguration {
        if let current { return current }
        if !isFetching {
            isFetching = true
            scheduler.spawn { [self] in
                await fetch(deadlineNs: scheduler.nowNs + Self.maxFetchNs)
                isFetching = false
                let waiting = waiters
                waiters.removeAll()
                for waiter in waiting { waiter.resume() }
            }
        }
        if isFetching, scheduler.nowNs < deadlineNs {
            let waiter = Waiter()
            waiters.append(waiter)
            await waiter.wait(scheduler, untilNs: deadlineNs)
        }
        if let current { return current }
        throw lastFailure
    }

    // MARK: Finding it

    private struct Candidate {
        let configuration: GroupConfiguration
        let ballot: Ballot
    }

    /// A replica that is a member, as far as it knows.
    private struct Member {
        let replica: Int
        let identity: ReplicaIdentity
        let candidate: Candidate?

        func isNamed(by configuration: GroupConfiguration) -> Bool {
            configuration.members[replica].incarnation == identity.incarnation
        }
    }

    /// The configuration in force, where it can be told without completing what somebody left half done.
    func peek(deadlineNs: UInt64) async -> GroupConfiguration? {
        await fetch(deadlineNs: deadlineNs, isFinishing: false)
        return current
    }

    private func fetch(deadlineNs: UInt64, isFinishing: Bool = true) async {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(AcceptorCommands.read(.configuration), to: group.available)
        // Two that answer first may be a blank one and one that does not count, or is from another life of the group.
        await call.wait { [self] in
            let members = self.members(in: $0)
            return chosen(among: members) != nil || inForce(among: members) != nil
        }
        let members = self.members(in: call)
        guard members.count >= quorum else {
            lastFailure = tooFew(members.count, in: call)
            return
        }
        current = chosen(among: members)
        if current == nil, isFinishing { await finish(members, deadlineNs: deadlineNs) }
    }

    private func members(in call: QuorumCall) -> [Member] {
        call.answered.compactMap { replica in
            let reply = call.reply(from: replica)
            guard case .own(let identity) = says(replica, reply), identity.state == .member else { return nil }
            return Member(replica: replica, identity: identity, candidate: candidate(from: reply?[0]))
        }
    }

    private func says(_ replica: Int, _ guarded: Reply?) -> ReplicaSelf {
        // A failed command comes back without its guard.
        if case .error(let text)? = guarded { return .unclear(text) }
        return ReplicaSelf(fields: guarded?[1], group: groupName, name: group.replicaNames[replica])
    }

    private func candidate(from record: Reply?) -> Candidate? {
        guard case .array(let fields)? = record, fields.count >= 5, let ballot = fields[0].bytes.flatMap(Ballot.init),
            let state = RegisterState(fields: fields[1...]),
            let configuration = GroupConfiguration(text: state.value, names: group.replicaNames)
        else { return nil }
        return Candidate(configuration: configuration, ballot: ballot)
    }

    /// Why fewer members than a majority answered: each replica that is none of them, by its own words.
    private func tooFew(_ memberCount: Int, in call: QuorumCall) -> StoreFailure {
        guard call.answered.count >= quorum else {
            return StoreFailure(.noQuorum, "a majority of the replicas does not answer")
        }
        var blank = 0
        var rebuilding = 0
        var words: [String] = []
        for replica in call.answered {
            let name = group.replicaNames[replica]
            switch says(replica, call.reply(from: replica)) {
            case .blank:
                blank += 1
                words.append("\(name) is blank")
            case .own(let identity) where identity.state == .rebuilding:
                rebuilding += 1
                words.append("\(name) is being rebuilt")
            case .own: break
            case .foreign(let what): words.append("\(name) \(what)")
            case .unclear(let text): words.append("\(name) answers '\(text)'")
            }
        }
        if blank >= quorum, memberCount == 0 {
            return StoreFailure(.replicasBlank, "the replicas are blank: run 'app-cp init' once for a new group")
        }
        let detail = words.joined(separator: ", ")
        if blank >= quorum { return StoreFailure(.replicasBlank, "too few replicas can vote: \(detail)") }
        return StoreFailure(blank + rebuilding > 0 ? .rebuilding : .noQuorum, "too few replicas can vote: \(detail)")
    }

    /// A configuration that a majority of the replicas it counts, in the incarnations it names, shows at one ballot.
    ///
    /// There is no later one then: a majority of these would have accepted it in the place of this one.
    private func chosen(among members: [Member]) -> GroupConfiguration? {
        for candidate in candidates(of: members) {
            let counted = candidate.configuration.counted
            let votes = members.count { member in
                counted.contains(member.replica) && member.candidate?.ballot == candidate.ballot
                    && member.isNamed(by: candidate.configuration)
                    && member.identity.epoch <= candidate.configuration.epoch
            }
            if votes >= quorum { return candidate.configuration }
        }
        return nil
    }

    /// The latest first.
    private func candidates(of members: [Member]) -> [Candidate] {
        members.compactMap(\.candidate).sorted {
            ($0.configuration.epoch, $0.ballot) > ($1.configuration.epoch, $1.ballot)
        }
    }

    /// The configuration of the epoch that the replicas report, under which to complete what somebody left half done; nil where
    /// it cannot be told. A configuration that does not name a majority of those who answered, in their present incarnations, is
    /// another life of the group, or one in which nothing can be agreed on now.
    private func inForce(among members: [Member]) -> GroupConfiguration? {
        let own = candidates(of: members).map(\.configuration).filter { configuration in
            members.count { $0.isNamed(by: configuration) } >= quorum
        }
        let epoch =
            members.filter { member in own.contains { member.isNamed(by: $0) } }.map(\.identity.epoch).max() ?? 0
        return own.first { $0.epoch == epoch }
            ?? own.first { $0.epoch == epoch + 1 }.map { predecessor(of: $0, members) }
    }

    /// Completes what somebody left half done.
    private func finish(_ members: [Member], deadlineNs: UInt64) async {
        lastFailure = StoreFailure(.noQuorum, "the group's configuration is being agreed on")
        guard let inForce = inForce(among: members) else { return }
        let found = await round(under: inForce, deadlineNs: deadlineNs) { $0 }
        // One that was superseded in the round is found by the next look, under its own epoch.
        if let found, found.epoch == inForce.epoch { current = found }
    }

    /// The configuration before `next`, as far as a round under it needs to know: every replica may hold `next` already, at
    /// different ballots, and none its predecessor any more.
    ///
    /// Two configurations in a row differ in one replica, and that one is no member yet, or no longer there: those that say
    /// they are members, in the incarnations that `next` names, were counted before as well.
    private func predecessor(of next: GroupConfiguration, _ members: [Member]) -> GroupConfiguration {
        let counted = next.members.enumerated().map { replica, entry in
            let isMember = members.contains { $0.replica == replica && $0.isNamed(by: next) }
            return GroupConfiguration.Member(
                name: entry.name, incarnation: entry.incarnation, isCounted: entry.isCounted && isMember)
        }
        return GroupConfiguration(epoch: next.epoch - 1, members: counted)
    }

    // MARK: Changing it

    /// Puts `new` in the place of `old`, if that is still what the register holds. True where `new` is chosen.
    func change(from old: GroupConfiguration, to new: GroupConfiguration, deadlineNs: UInt64) async -> Bool {
        let found = await round(under: old, deadlineNs: deadlineNs) { state in
            var next = state
            if state.value == old.text {
                next.value = new.text
                next.version += 1
            }
            return next
        }
        // Also where it is something else: the next to ask looks for itself.
        if current == old { current = found == new ? new : nil }
        return found == new
    }

    /// One round of the register under `configuration`. What is chosen afterwards; nil where the round failed.
    private func round(
        under configuration: GroupConfiguration, deadlineNs: UInt64, _ change: (RegisterState) -> RegisterState
    ) async -> GroupConfiguration? {
        let context = RoundContext(
            group: group, scheduler: scheduler,
            commands: AcceptorCommands(group: groupName, configuration: configuration), quorum: quorum)
        let ballot = nextBallot()
        switch await Round.prepare(.configuration, ballot, in: context, deadlineNs: deadlineNs) {
        case .failure(let refusal): learn(from: refusal)
        case .success((_, let state)):
            guard !state.isDeleted else { return nil }
            let next = change(state)
            sawBallot(ballot.next)
            let round = Round.accept(.configuration, ballot, next, in: context, deadlineNs: deadlineNs)
            switch await round.accepted() {
            case .success: return GroupConfiguration(text: next.value, names: group.replicaNames)
            case .failure(let refusal): learn(from: refusal)
            }
        }
        return nil
    }

    private func learn(from refusal: RoundRefusal) {
        if case .outbid(let higher) = refusal { sawBallot(higher) }
    }
}

/// One who waits for an event or a deadline, whichever is first.
private final class Waiter: Expirable {
    private var continuation: UnsafeContinuation<Void, Never>?

    func wait(_ scheduler: any Scheduler, untilNs deadlineNs: UInt64) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            self.continuation = continuation
            scheduler.schedule(self, atNs: deadlineNs)
        }
    }

    func resume() { continuation.take()?.resume() }

    var isSettled: Bool { continuation == nil }
    func expire() { resume() }
}
