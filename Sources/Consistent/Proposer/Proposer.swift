import EventLoop
import Replication

/// A CASPaxos proposer (Rystsov, *CASPaxos: Replicated State Machines without logs*, arXiv 1802.07000, section 2.2):
/// gets changes of registers chosen by a majority of all acceptors. There is no leader.
///
/// 1. *Prepare* a ballot: each acceptor of a quorum promises it, and reports the state that it accepted last.
/// 2. Apply the change to the reported state with the highest ballot.
/// 3. *Accept* the new state: once a quorum has accepted it, it is chosen, and the client gets its answer.
///
/// An accept also promises the proposer's next ballot, so that the proposer's next change of the register starts at
/// step 2 (rule C2).
final class Proposer {
    private let acceptors: AcceptorGroup
    private let ballots: BallotGenerator
    let configurations: ConfigurationRegister
    private let repairs: RepairBacklog
    /// Shows whether rivals or missing replicas are the reason, if a waiting operation times out.
    let progress: RoundProgress
    private let backoff: ContentionBackoff
    private var cache = StateCache()
    private var context: RoundContext?

    init(
        _ acceptors: AcceptorGroup, maxBackoffMs: UInt64, ballots: BallotGenerator,
        configurations: ConfigurationRegister, repairs: RepairBacklog
    ) {
        self.acceptors = acceptors
        self.ballots = ballots
        self.configurations = configurations
        self.repairs = repairs
        progress = RoundProgress(scheduler: acceptors.scheduler)
        backoff = ContentionBackoff(acceptors, maxMs: maxBackoffMs)
    }

    /// Attempts `batch` until each of its operations has an answer. This ends, because each operation fails at its
    /// deadline.
    func run(_ batch: Batch, on register: Register) async {
        var failures: UInt64 = 0
        while let deadlineNs = batch.lastDeadlineNs {
            switch await attempt(batch, on: register, deadlineNs: deadlineNs) {
            case .answered: return
            case .preempted:
                failures = 0
                backoff.wasPreempted(on: register)
                await backoff.waitForRivals(on: register, deadlineNs: deadlineNs)
            case .failed:
                failures += 1
                await backoff.waitAfterFailure(failures, deadlineNs: deadlineNs)
            }
        }
    }

    private enum AttemptEnd {
        case answered
        /// A rival used a higher ballot. Attempt again after a pause in which the rival can finish.
        case preempted
        /// It failed for another reason, such as no quorum or an error of a replica. Attempt again after a pause.
        case failed
    }

    private func attempt(_ batch: Batch, on register: Register, deadlineNs: UInt64) async -> AttemptEnd {
        guard configurations.hasQuorum else {
            batch.failUnapplied(.noMajority)
            return .failed
        }
        let configuration: GroupConfiguration
        do {
            configuration = try await configurations.configuration(deadlineNs: deadlineNs)
        } catch {
            // Fail at once if too many replicas are blank or being rebuilt: this lasts longer than a request. Other
            // causes may pass before the deadline.
            if error.code == .noQuorum { batch.lastFailure = error } else { batch.failUnapplied(error) }
            return .failed
        }
        let context = context(under: configuration)

        let promised: (ballot: Ballot, state: RegisterState)
        // The cached state is removed before the next accept is sent. A new entry is stored only after a quorum has
        // accepted (rule C5).
        let cached = cache.take(register)
        if let cached {
            promised = (cached.ballot, cached.state)
        } else {
            let ballot = ballots.next()
            acceptors.events?.phaseStarted(.prepare)
            let phase = await Phase.prepare(
                register, ballot, isDelete: batch.onlyDeletes, in: context, deadlineNs: deadlineNs)
            switch phase {
            case .success(let found):
                promised = (ballot, found.state)
                backoff.didPrepare(register, isOvertaking: found.ballot.proposer == ballots.proposer)
            case .failure(let failure):
                if case .preempted(let higher) = failure { ballots.fastForward(past: higher) }
                return end(after: failure, batch, configuration)
            }
        }

        guard batch.lastDeadlineNs != nil else { return .answered }
        let nowMs = acceptors.scheduler.wallClockMs
        guard let proposal = batch.proposal(on: promised.state, proposer: ballots.proposer, nowMs: nowMs) else {
            // A late reply may still show whether an earlier attempt was rejected.
            batch.lastFailure = .undecidable
            guard !batch.awaitsReplies else { return .failed }
            batch.failAll(.undecidable)
            return .answered
        }
        return await accept(proposal, promised.ballot, batch, register, context, deadlineNs)
    }

    private func accept(
        _ proposal: Batch.Proposal, _ ballot: Ballot, _ batch: Batch, _ register: Register, _ context: RoundContext,
        _ deadlineNs: UInt64
    ) async -> AttemptEnd {
        precondition(ballot.proposer == ballots.proposer, "a proposer uses ballots of its own only")
        precondition(!cache.contains(register), "a cached state is never reused after its accept was sent")
        ballots.observe(ballot.next)
        acceptors.events?.phaseStarted(.accept)
        let phase = Phase.accept(register, ballot, proposal.state, in: context, deadlineNs: deadlineNs)
        if proposal.isChanged { batch.didSend(phase, proposal) }
        switch await phase.accepted() {
        case .success(let acks):
            precondition(acks >= context.quorum.size, "an answer is given only from a chosen state")
            progress.roundEnded()
            // Do not cache if the configuration changed, because promises under the old one are void. Do not cache a
            // tombstone either: its collection replaces each replica's promise by that replica's GC watermark. The
            // cached ballot might exceed one watermark but not the others, and the change would end as `unknown`.
            if self.context?.configuration == context.configuration, !proposal.state.isDeleted {
                cache.put(StateCache.Entry(ballot: ballot.next, state: proposal.state), for: register)
            }
            for (operation, result) in proposal.results { operation.finish(.success((result, acks))) }
            if proposal.state.isDeleted || phase.isMissed(by: acceptors.replicas.available) { repairs.add(register) }
            return .answered
        case .failure(let failure): return end(after: failure, batch, context.configuration)
        }
    }

    private func end(
        after failure: RoundFailure, _ batch: Batch, _ configuration: GroupConfiguration
    ) -> AttemptEnd {
        switch failure {
        case .preempted(let ballot):
            progress.roundEnded()
            acceptors.events?.roundPreempted()
            ballots.observe(ballot)
            batch.lastFailure = StoreFailure(.timeout, "other instances kept changing this key")
            return .preempted
        case .otherConfiguration:
            configurations.invalidate(configuration)
            batch.lastFailure = StoreFailure(.noQuorum, "the group's configuration was changing")
        case .noMajority:
            batch.lastFailure = .noMajority
        case .overloaded:
            batch.failUnapplied(StoreFailure(.overloaded, "the replicas have too many unanswered commands"))
        case .noScript:
            batch.lastFailure = StoreFailure(.noQuorum, "the replicas are loading their scripts")
        case .failed(let error):
            let detail = "a replica rejected the command: \(error.summary)"
            batch.failUnapplied(StoreFailure(StoreFailure.Code(error), detail))
        }
        return .failed
    }

    private func context(under configuration: GroupConfiguration) -> RoundContext {
        if let context, context.configuration == configuration { return context }
        // No promise outlives its configuration (rule C8). Compare whole configurations, because a group that was
        // initialised again begins at epoch 1 again.
        cache.removeAll()
        let made = RoundContext(acceptors, under: configuration)
        context = made
        return made
    }
}

extension StoreFailure {
    static let noMajority = StoreFailure(.noQuorum, "a majority of the replicas cannot be reached")

    fileprivate static let undecidable = StoreFailure(
        .timeout, "too many other writers: the outcome of the change cannot be determined")

    /// A copy of this failure, with the outcome of the change.
    func with(_ outcome: Outcome) -> StoreFailure { StoreFailure(code, detail, outcome: outcome) }
}
