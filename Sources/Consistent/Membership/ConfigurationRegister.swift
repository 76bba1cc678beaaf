import EventLoop
import Replication

/// Finds the configuration in force, and changes it. The configuration is itself the state of a register. Requests use
/// a configuration only once it is chosen (rule C8).
final class ConfigurationRegister {
    private let acceptors: AcceptorGroup
    private let ballots: BallotGenerator

    /// The configuration in force: the one that was last found to be chosen. Nil before that, and after
    /// ``invalidate(_:)``.
    private(set) var current: GroupConfiguration?
    private var waiters: [Waiter] = []
    private var isFetching = false
    private var lastFailure = StoreFailure(.noQuorum, "the group's configuration is not known yet")

    private static let maxFetchNs = 500 * nsPerMs

    init(_ acceptors: AcceptorGroup, ballots: BallotGenerator) {
        self.acceptors = acceptors
        self.ballots = ballots
    }

    private var scheduler: any Scheduler { acceptors.scheduler }
    private var names: [String] { acceptors.replicas.replicaNames }

    /// True if a quorum of the configuration's voters is available. While the configuration is unknown, every available
    /// replica counts as a voter.
    var hasQuorum: Bool {
        guard let current else { return acceptors.hasMajority }
        return acceptors.quorum(of: current).isReached(by: acceptors.replicas.available)
    }

    /// Forgets `configuration`, if it is still the current one. Call this if a replica has seen a newer configuration,
    /// or has another identity than `configuration` names.
    func invalidate(_ configuration: GroupConfiguration) {
        if current == configuration { current = nil }
    }

    /// The configuration in force. Asks the replicas if it is unknown. One fetch serves all callers, and each waits
    /// until its own deadline.
    /// - Throws: the reason why the configuration could not be found.
    func configuration(deadlineNs: UInt64) async throws(StoreFailure) -> GroupConfiguration {
        if let current { return current }
        if !isFetching {
            scheduler.spawn { [self] in
                await refresh(completing: true, deadlineNs: scheduler.nowNs + Self.maxFetchNs)
            }
        }
        // `spawn` runs the task up to its first suspension, so the fetch may already have ended.
        if isFetching, scheduler.nowNs < deadlineNs {
            let waiter = Waiter()
            waiters.append(waiter)
            await waiter.wait(scheduler, untilNs: deadlineNs)
        }
        if let current { return current }
        throw lastFailure
    }

    /// Asks the replicas for the configuration, even if one is known. Does nothing while another fetch runs.
    /// - Parameter completing: true to complete a half-done change, if the replies show no chosen configuration.
    func refresh(completing: Bool, deadlineNs: UInt64) async {
        guard !isFetching else { return }
        isFetching = true
        await fetch(completing: completing, deadlineNs: deadlineNs)
        isFetching = false
        let waiting = waiters
        waiters.removeAll()
        for waiter in waiting { waiter.resume() }
    }

    /// Replaces `old` by `new`, if the register still holds `old`. Returns true if `new` is chosen.
    func change(from old: GroupConfiguration, to new: GroupConfiguration, deadlineNs: UInt64) async -> Bool {
        precondition(new.epoch == old.epoch + 1, "epochs rise one by one")
        let found = await round(under: old, deadlineNs: deadlineNs) { state in
            var next = state
            if state.value == old.text {
                next.value = new.text
                next.version += 1
            }
            return next
        }
        // If `new` was not chosen, forget `old` too, so that the next request asks the replicas.
        if current == old { current = found == new ? new : nil }
        return found == new
    }

    // MARK: Finding the chosen configuration

    private func fetch(completing: Bool, deadlineNs: UInt64) async {
        let call = QuorumCall(group: acceptors.replicas, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(AcceptorCommands.read(.configuration), to: acceptors.replicas.available)
        // Two replies may not suffice: a replica may be blank or being rebuilt, or report a group that has since been
        // wiped. If two members hold different configurations, the third reply may show which one is chosen. With
        // `completing`, do not wait for the third reply, because a half-done change can be completed without it.
        await call.wait { [self] in
            let evidence = self.evidence(from: $0)
            return evidence.chosen != nil || (completing && evidence.inForce != nil)
        }
        let evidence = evidence(from: call)
        guard evidence.members.count >= acceptors.majority else {
            lastFailure = failure(memberCount: evidence.members.count, call)
            return
        }
        if let chosen = evidence.chosen {
            adopt(chosen)
            return
        }
        lastFailure =
            otherGroup(evidence, call) ?? StoreFailure(.noQuorum, "the group's configuration is being agreed on")
        if completing { await complete(evidence, deadlineNs: deadlineNs) }
    }

    /// Never returns to an earlier epoch: a newer configuration may have been found while these replies were awaited. A
    /// group that was created again begins at epoch 1, but its old configuration is invalidated first.
    private func adopt(_ found: GroupConfiguration) {
        if let current, found.epoch <= current.epoch { return }
        current = found
    }

    /// Completes a half-done change of the configuration.
    private func complete(_ evidence: ConfigurationEvidence, deadlineNs: UInt64) async {
        guard let inForce = evidence.inForce else { return }
        let found = await round(under: inForce, deadlineNs: deadlineNs) { $0 }
        // The round may find a configuration of the next epoch. The next fetch adopts that one, once its own voters
        // report it.
        if let found, found.epoch == inForce.epoch { adopt(found) }
    }

    private func evidence(from call: QuorumCall) -> ConfigurationEvidence {
        let members = call.answered.compactMap { replica -> ConfigurationEvidence.Member? in
            let reply = call.reply(from: replica)
            guard let identity = reported(reply, by: replica).own, identity.state == .member else { return nil }
            return .init(replica: replica, identity: identity, candidate: candidate(from: reply?[0]))
        }
        return ConfigurationEvidence(members: members, majority: acceptors.majority)
    }

    private func reported(_ reply: Reply?, by replica: Int) -> ReportedIdentity {
        // The reply to a failed command contains no identity check.
        if let error = reply?.error { return .unclear(error) }
        return acceptors.reported(reply?[1], by: replica)
    }

    private func candidate(from record: Reply?) -> ConfigurationEvidence.Candidate? {
        guard case .array(let fields)? = record, fields.count >= 5, let ballot = fields[0].bytes.flatMap(Ballot.init),
            let state = RegisterState(fields: fields[1...]),
            let configuration = GroupConfiguration(text: state.value, names: names)
        else { return nil }
        return .init(configuration: configuration, ballot: ballot)
    }

    /// The failure if the members hold a configuration of other replicas than the setting `REPLICAS` names; nil if they
    /// do not.
    private func otherGroup(_ evidence: ConfigurationEvidence, _ call: QuorumCall) -> StoreFailure? {
        for member in evidence.members {
            guard let text = call.reply(from: member.replica)?[0]?[2]?.bytes else { continue }
            let members = GroupConfiguration.names(in: text)
            guard Set(members) != Set(names) else { continue }
            return StoreFailure(
                .noQuorum,
                "REPLICAS names \(names.joined(separator: ", ")), but the group consists of "
                    + members.joined(separator: ", "))
        }
        return nil
    }

    /// Why fewer members than a majority answered.
    private func failure(memberCount: Int, _ call: QuorumCall) -> StoreFailure {
        guard call.answered.count >= acceptors.majority else {
            return StoreFailure(.noQuorum, "a majority of the replicas does not answer")
        }
        let views = call.answered.map { replica in
            ReplicaView(name: names[replica], reported(call.reply(from: replica), by: replica))
        }
        let failure = StoreFailure(tooFewVoters: views, majority: acceptors.majority)
        guard failure.code == .replicasBlank, memberCount == 0 else { return failure }
        return StoreFailure(.replicasBlank, "the replicas are blank: run 'app-cp init' once for a new group")
    }

    /// Runs one round of the configuration register under `configuration`.
    /// - Returns: the configuration that is chosen after the round; nil if the round failed.
    private func round(
        under configuration: GroupConfiguration, deadlineNs: UInt64, _ change: (RegisterState) -> RegisterState
    ) async -> GroupConfiguration? {
        let context = RoundContext(acceptors, under: configuration)
        let chosen = await context.choose(.configuration, ballots: ballots, maxRounds: 1, deadlineNs: deadlineNs) {
            $0.isDeleted ? nil : change($0)
        }
        guard case .success(let state?) = chosen else { return nil }
        return GroupConfiguration(text: state.value, names: names)
    }
}

/// A task that waits for an event or a deadline, whichever is first.
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
