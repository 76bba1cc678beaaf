import EventLoop
import Replication

/// Finds the configuration in force: itself a register, used only once it is chosen (rule C8).
final class ConfigurationRegister {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes
    private let nextBallot: () -> Ballot
    private let sawBallot: (Ballot) -> Void

    /// The configuration in force as far as is known; nil before it was found, and after a replica contradicted it.
    private(set) var current: GroupConfiguration?
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private var isFetching = false
    private var lastFailure = StoreFailure(.noQuorum, "the group's configuration is not known yet")

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

    /// Forgets the configuration, if it is still `configuration`: some replica knows a newer one, or is not who it says.
    func contradict(_ configuration: GroupConfiguration) {
        if current == configuration { current = nil }
    }

    /// The configuration in force; asks the replicas where it is not known. One question at a time serves all who wait.
    /// - Throws: why it could not be found.
    func configuration(deadlineNs: UInt64) async throws(StoreFailure) -> GroupConfiguration {
        if let current { return current }
        if isFetching {
            await withUnsafeContinuation { waiters.append($0) }
        } else {
            isFetching = true
            await fetch(deadlineNs: deadlineNs)
            isFetching = false
            let waiting = waiters
            waiters.removeAll()
            for waiter in waiting { waiter.resume() }
        }
        if let current { return current }
        throw lastFailure
    }

    private struct Candidate {
        let configuration: GroupConfiguration
        let ballot: Ballot
    }

    private struct Answer {
        let identity: ReplicaIdentity
        let candidate: Candidate?
    }

    private func fetch(deadlineNs: UInt64) async {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(AcceptorCommands.read(.configuration), to: group.available)
        let quorum = majority(of: group.replicaCount)
        // All that answer soon are heard, a majority is enough: with one more answer a round is often spared.
        await call.wait { $0.answered.count >= quorum }
        let answers = call.answered.map { replica in (replica, answer(from: call.reply(from: replica))) }
        let blank = answers.count { $0.1 == nil }
        var live: [Int: Answer] = [:]
        for case (let replica, let answer?) in answers where answer.identity.group == groupName {
            live[replica] = answer
        }
        guard answers.count >= quorum else {
            lastFailure = StoreFailure(.noQuorum, "a majority of the replicas does not answer")
            return
        }
        guard blank < quorum else {
            lastFailure = StoreFailure(.replicasBlank, "the replicas are blank: run 'app-cp init' once for a new group")
            return
        }
        let members = live.filter { $0.value.identity.state == .member && $0.value.candidate != nil }
        guard !members.isEmpty else {
            lastFailure = StoreFailure(.rebuilding, "the replicas that answer are not members yet")
            return
        }
        current = chosen(among: members)
        if current == nil { await finish(members, deadlineNs: deadlineNs) }
    }

    /// A configuration that a majority of the replicas it counts, in the incarnations it names, shows at one ballot.
    private func chosen(among members: [Int: Answer]) -> GroupConfiguration? {
        var candidates = members.values.compactMap(\.candidate)
        candidates.sort { ($0.configuration.epoch, $0.ballot) > ($1.configuration.epoch, $1.ballot) }
        let highestEpoch = members.values.map(\.identity.epoch).max() ?? 0
        for candidate in candidates {
            let counted = candidate.configuration.counted
            let votes = members.count { replica, answer in
                counted.contains(replica) && answer.candidate?.ballot == candidate.ballot
                    && answer.identity.incarnation == candidate.configuration.members[replica].incarnation
                    && answer.identity.epoch <= candidate.configuration.epoch
            }
            if votes >= majority(of: group.replicaCount) { return candidate.configuration }
            if candidate.configuration.epoch == highestEpoch { break }
        }
        return nil
    }

    /// Completes what somebody left half done, under the configuration of the epoch that the replicas report.
    private func finish(_ members: [Int: Answer], deadlineNs: UInt64) async {
        let epoch = members.values.map(\.identity.epoch).max() ?? 0
        let inForce = members.values.compactMap(\.candidate).first { $0.configuration.epoch == epoch }
        lastFailure = StoreFailure(.noQuorum, "the group's configuration is being agreed on")
        guard let inForce else { return }
        let context = RoundContext(
            group: group, scheduler: scheduler,
            commands: AcceptorCommands(group: groupName, configuration: inForce.configuration),
            quorum: majority(of: group.replicaCount))
        let ballot = nextBallot()
        switch await Round.prepare(.configuration, ballot, in: context, deadlineNs: deadlineNs) {
        case .failure(.outbid(let higher)): sawBallot(higher)
        case .failure: break
        case .success(let state):
            let round = Round.accept(.configuration, ballot, state, in: context, deadlineNs: deadlineNs)
            guard case .success = await round.accepted() else { return }
            guard let found = GroupConfiguration(text: state.value, names: group.replicaNames) else { return }
            // One that was superseded in the round is found by the next question, under its own epoch.
            if found.epoch == inForce.configuration.epoch { current = found }
        }
    }

    /// From a guarded read; nil for a blank replica.
    private func answer(from reply: Reply?) -> Answer? {
        guard let identity = ReplicaIdentity(fields: reply?[1]) else { return nil }
        guard case .array(let fields)? = reply?[0], fields.count >= 5,
            let ballot = fields[0].bytes.flatMap(Ballot.init),
            let state = RegisterState(fields: fields[1...]),
            let configuration = GroupConfiguration(text: state.value, names: group.replicaNames)
        else { return Answer(identity: identity, candidate: nil) }
        return Answer(identity: identity, candidate: Candidate(configuration: configuration, ballot: ballot))
    }
}
