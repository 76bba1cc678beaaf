import EventLoop
import Replication

/// One phase (prepare or accept) of a round at one ballot: sends the command to every available voter and counts the
/// replies.
struct Phase {
    let call: QuorumCall
    private let quorum: Quorum
    private let parse: (Reply) -> AcceptorReply

    private init(
        _ command: Command, in context: RoundContext, deadlineNs: UInt64, parse: @escaping (Reply) -> AcceptorReply
    ) {
        quorum = context.quorum
        self.parse = parse
        call = QuorumCall(group: context.group, scheduler: context.scheduler, deadlineNs: deadlineNs)
        // Send only to voters, because learners would reject the command.
        call.send(command, to: context.group.available.intersection(quorum.voters))
    }

    /// Waits until a quorum has agreed, until no quorum can agree any more, or until the deadline.
    private func wait(for isYes: @escaping (AcceptorReply) -> Bool) async {
        let (quorum, parse) = (quorum, parse)
        await call.wait { call in
            let yes = call.replicas { isYes(parse($0)) }
            return quorum.verdict(yes: yes, pending: call.outstanding) != .pending
        }
    }

    private var replies: [AcceptorReply] {
        call.answered.compactMap { call.reply(from: $0).map(parse) }
    }

    /// Why there was no quorum. If there are several reasons, the most informative one.
    private var failure: RoundFailure {
        var highest: Ballot?
        var error: ServerError?
        var isOtherConfiguration = false
        var isScriptMissing = false
        for reply in replies {
            switch reply {
            case .stale, .notMember: isOtherConfiguration = true
            case .rejected(let ballot): highest = max(highest ?? .zero, ballot)
            case .noScript: isScriptMissing = true
            case .failed(let found): error = error ?? found
            case .promised, .accepted: break
            }
        }
        // Preemption comes first. Otherwise the NOTMEMBER of one blank replica would hide the ballot that the proposer
        // must exceed.
        if let highest { return .preempted(highest) }
        if isOtherConfiguration { return .otherConfiguration }
        if let error { return .failed(error) }
        if isScriptMissing { return .noScript }
        return call.overloaded.isEmpty ? .noMajority : .overloaded
    }

    // MARK: The two phases

    /// Phase 1: asks the voters to promise `ballot`.
    /// - Parameter isDelete: true if the change is a delete. A replica that has a record of the key then needs no free
    ///   memory.
    /// - Returns: the state with the highest ballot among those that the quorum had accepted, and that ballot. The
    ///   change is applied to this state.
    static func prepare(
        _ register: Register, _ ballot: Ballot, isDelete: Bool = false, in context: RoundContext, deadlineNs: UInt64
    ) async -> Result<(ballot: Ballot, state: RegisterState), RoundFailure> {
        let phase = Phase(
            context.commands.prepare(register, ballot, isDelete: isDelete), in: context, deadlineNs: deadlineNs,
            parse: AcceptorReply.init(prepare:))
        defer { phase.call.close() }
        await phase.wait { if case .promised = $0 { true } else { false } }
        var promised: ReplicaSet = []
        var best: (ballot: Ballot, state: RegisterState)?
        for replica in phase.call.answered.intersection(context.quorum.voters) {
            guard let reply = phase.call.reply(from: replica),
                case .promised(let accepted, let state) = phase.parse(reply)
            else { continue }
            promised.insert(replica)
            guard let known = best else {
                best = (accepted, state)
                continue
            }
            // The record with the higher ballot wins. If no replica has a record, the higher GC watermark wins (rule
            // C10).
            if (accepted, state.version) > (known.ballot, known.state.version) { best = (accepted, state) }
        }
        guard context.quorum.isReached(by: promised), let best else { return .failure(phase.failure) }
        return .success(best)
    }

    /// Phase 2: asks the voters to accept `state`. The caller keeps the phase, because late replies may still show its
    /// outcome (rule C7).
    static func accept(
        _ register: Register, _ ballot: Ballot, _ state: RegisterState, in context: RoundContext, deadlineNs: UInt64
    ) -> Phase {
        Phase(
            context.commands.accept(register, ballot, state), in: context, deadlineNs: deadlineNs,
            parse: AcceptorReply.init(accept:))
    }

    /// Waits until a quorum of voters has accepted the state, which is then chosen. Returns how many voters have
    /// accepted it.
    func accepted() async -> Result<Int, RoundFailure> {
        await wait { $0 == .accepted }
        let accepted = call.replicas { parse($0) == .accepted }.intersection(quorum.voters)
        return quorum.isReached(by: accepted) ? .success(accepted.count) : .failure(failure)
    }

    /// True if a voter among `replicas` was not sent this command, or its connection was lost before the reply. A voter
    /// that answered with an error also missed the accept, but is not reported here: once it accepts writes again, all
    /// keys are compared (rule C11).
    func isMissed(by replicas: ReplicaSet) -> Bool {
        !quorum.voters.intersection(replicas).subtracting(call.sent.subtracting(call.lost)).isEmpty
    }

    /// True if the accept has no effect and never will. It was sent to each replica at most once, and each replica that
    /// it was sent to has rejected it (rule C7, second case).
    var isRejectedByAll: Bool {
        call.outstanding.isEmpty && call.lost.isEmpty && call.resent.isEmpty && replies.allSatisfy(\.isRejection)
    }
}
