import EventLoop
import Replication

/// One phase of one ballot: the command to every voter, and the count of the replies.
struct Round {
    let call: QuorumCall
    private let quorum: Quorum
    private let parse: (Reply) -> AcceptorReply

    private init(
        _ command: Command, in context: RoundContext, deadlineNs: UInt64, parse: @escaping (Reply) -> AcceptorReply
    ) {
        quorum = context.quorum
        self.parse = parse
        call = QuorumCall(group: context.group, scheduler: context.scheduler, deadlineNs: deadlineNs)
        // Learners would reject it.
        call.send(command, to: context.group.available.intersection(quorum.voters))
    }

    /// Waits until a quorum agreed, or no longer can, or the deadline has passed.
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

    /// Why there was no quorum; the most informative reason wins.
    private var failure: RoundFailure {
        var highest: Ballot?
        var error: String?
        var isContradicted = false
        var isScriptMissing = false
        for reply in replies {
            switch reply {
            case .stale, .notMember: isContradicted = true
            case .rejected(let ballot): highest = max(highest ?? .zero, ballot)
            case .noScript: isScriptMissing = true
            case .failed(let text): error = error ?? text
            case .promised, .accepted: break
            }
        }
        // Preemption comes first: the NOTMEMBER of a blank replica would hide the ballot that the proposer has to exceed.
        if let highest { return .preempted(highest) }
        if isContradicted { return .otherConfiguration }
        if let error { return .failed(error) }
        if isScriptMissing { return .noScript }
        return call.overloaded.isEmpty ? .noMajority : .overloaded
    }

    // MARK: The two phases

    /// Phase 1: asks the voters to promise `ballot`.
    /// - Returns: the state with the highest ballot that a quorum of them had accepted, to go on from.
    static func prepare(
        _ register: Register, _ ballot: Ballot, in context: RoundContext, deadlineNs: UInt64
    ) async -> Result<(ballot: Ballot, state: RegisterState), RoundFailure> {
        let round = Round(
            context.commands.prepare(register, ballot), in: context, deadlineNs: deadlineNs,
            parse: AcceptorReply.init(prepare:))
        defer { round.call.close() }
        await round.wait { if case .promised = $0 { true } else { false } }
        var promised: ReplicaSet = []
        var best: (ballot: Ballot, state: RegisterState)?
        for replica in round.call.answered.intersection(context.quorum.voters) {
            guard let reply = round.call.reply(from: replica),
                case .promised(let accepted, let state) = round.parse(reply)
            else { continue }
            promised.insert(replica)
            guard let known = best else {
                best = (accepted, state)
                continue
            }
            // Among records the higher ballot wins; without any, the higher GC watermark (rule C10).
            if (accepted, state.version) > (known.ballot, known.state.version) { best = (accepted, state) }
        }
        guard context.quorum.isReached(by: promised), let best else { return .failure(round.failure) }
        return .success(best)
    }

    /// Phase 2: asks the voters to accept `state`. The caller keeps the round: late replies still tell its outcome
    /// (rule C7).
    static func accept(
        _ register: Register, _ ballot: Ballot, _ state: RegisterState, in context: RoundContext, deadlineNs: UInt64
    ) -> Round {
        Round(
            context.commands.accept(register, ballot, state), in: context, deadlineNs: deadlineNs,
            parse: AcceptorReply.init(accept:))
    }

    /// How many voters accepted, once a quorum has: the state is chosen.
    func accepted() async -> Result<Int, RoundFailure> {
        await wait { $0 == .accepted }
        let accepted = call.replicas { parse($0) == .accepted }.intersection(quorum.voters)
        return quorum.isReached(by: accepted) ? .success(accepted.count) : .failure(failure)
    }

    /// Some voter among `replicas` did not get this command, or may not have run it.
    func isMissed(by replicas: ReplicaSet) -> Bool {
        !quorum.voters.intersection(replicas).subtracting(call.sent.subtracting(call.lost)).isEmpty
    }

    /// Every replica that was sent this command was sent it once and rejected it: it has no effect and never will (rule
    /// C7, second case).
    var isRejectedByAll: Bool {
        call.outstanding.isEmpty && call.lost.isEmpty && call.resent.isEmpty && replies.allSatisfy(\.isRejection)
    }
}

/// Where rounds take place: the replicas, under one configuration.
struct RoundContext {
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    let commands: AcceptorCommands
    let quorum: Quorum

    /// - Parameter size: how many voters must agree; nil for a majority of all replicas, voters or not.
    init(_ acceptors: AcceptorGroup, under configuration: GroupConfiguration, quorumSize size: Int? = nil) {
        group = acceptors.replicas
        scheduler = acceptors.scheduler
        commands = AcceptorCommands(group: acceptors.name, configuration: configuration)
        quorum = size.map { Quorum(voters: configuration.voters, size: $0) } ?? acceptors.quorum(of: configuration)
        precondition(2 * quorum.size > configuration.members.count, "any two quorums must share a replica")
    }

    var configuration: GroupConfiguration { commands.configuration }
}

/// Why a round found no quorum.
enum RoundFailure: Error, Equatable {
    /// A replica has promised or accepted this higher ballot.
    case preempted(Ballot)
    /// A replica knows a higher epoch or is not the one that the configuration names.
    case otherConfiguration
    /// A replica did not know the script yet; its connection loads it again.
    case noScript
    /// Too few replicas were reachable or answered in time.
    case noMajority
    /// Too few connections had room for one more command.
    case overloaded
    /// A replica answered with an error of its own.
    case failed(String)
}
