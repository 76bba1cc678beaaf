import EventLoop
import Replication

/// One phase of one ballot: the command to every replica, and the count of what came back.
///
/// A reply counts where the configuration counts its replica.
struct Round {
    let call: QuorumCall
    let configuration: GroupConfiguration
    private let quorum: Int
    private let parse: (Reply) -> AcceptorReply

    private init(
        _ command: Command, group: any ReplicaGroup, scheduler: any Scheduler, configuration: GroupConfiguration,
        quorum: Int, deadlineNs: UInt64, parse: @escaping (Reply) -> AcceptorReply
    ) {
        self.configuration = configuration
        self.quorum = quorum
        self.parse = parse
        call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        // Who is learning could only refuse.
        call.send(command, to: group.available.intersection(configuration.counted))
    }

    /// Waits until `quorum` replicas said yes, or that has become impossible, or the deadline has passed.
    private func run(_ isYes: @escaping (AcceptorReply) -> Bool) async {
        let counted = configuration.counted
        let parse = parse
        let quorum = quorum
        await call.wait { call in
            let yes = Self.count(isYes, in: call, counted, parse)
            return yes >= quorum || yes + call.outstanding.intersection(counted).count < quorum
        }
    }

    private static func count(
        _ isYes: (AcceptorReply) -> Bool, in call: QuorumCall, _ counted: ReplicaSet, _ parse: (Reply) -> AcceptorReply
    ) -> Int {
        var yes = 0
        for replica in call.answered.intersection(counted) {
            if let reply = call.reply(from: replica), isYes(parse(reply)) { yes += 1 }
        }
        return yes
    }

    /// Every reply that came, parsed, with whether its replica counts.
    private var replies: [(reply: AcceptorReply, isCounted: Bool)] {
        let counted = configuration.counted
        return call.answered.map { (parse(call.replies[$0]!), counted.contains($0)) }
    }

    /// Why there was no majority, with the most telling reason first.
    private var refusal: RoundRefusal {
        var highest: Ballot?
        var failure: String?
        var isContradicted = false
        var isScriptMissing = false
        for (reply, _) in replies {
            switch reply {
            case .stale, .notMember: isContradicted = true
            case .rejected(let ballot): highest = max(highest ?? .zero, ballot)
            case .noScript: isScriptMissing = true
            case .failed(let text): failure = failure ?? text
            case .promised, .accepted: break
            }
        }
        // First: one blank replica beside others that were outbid must not hide the ballot that has to be passed.
        if let highest { return .outbid(highest) }
        if isContradicted { return .otherConfiguration }
        if let failure { return .failed(failure) }
        if isScriptMissing { return .noScript }
        return call.overloaded.isEmpty ? .noMajority : .overloaded
    }

    // MARK: Phases

    /// Phase 1. A majority promised: the state with the highest ballot among its answers is the one to go on from.
    static func prepare(
        _ register: Register, _ ballot: Ballot, in context: RoundContext, deadlineNs: UInt64
    ) async -> Result<(ballot: Ballot, state: RegisterState), RoundRefusal> {
        let round = Round(
            context.commands.prepare(register, ballot), group: context.group, scheduler: context.scheduler,
            configuration: context.configuration, quorum: context.quorum, deadlineNs: deadlineNs,
            parse: AcceptorReply.init(prepare:))
        defer { round.call.close() }
        let isPromise = { (reply: AcceptorReply) in
            if case .promised = reply { true } else { false }
        }
        await round.run(isPromise)
        var best: (ballot: Ballot, state: RegisterState)?
        var promises = 0
        for case (.promised(let ballot, let state), true) in round.replies {
            promises += 1
            guard let known = best else {
                best = (ballot, state)
                continue
            }
            // Without a record the higher floor counts (rule C10); with one, the higher ballot.
            if (ballot, state.version) > (known.ballot, known.state.version) { best = (ballot, state) }
        }
        guard promises >= context.quorum, let best else { return .failure(round.refusal) }
        return .success(best)
    }

    /// Phase 2. Returns the round, whose call the caller keeps: late answers still tell what became of it (rule C7).
    static func accept(
        _ register: Register, _ ballot: Ballot, _ state: RegisterState, in context: RoundContext, deadlineNs: UInt64
    ) -> Round {
        Round(
            context.commands.accept(register, ballot, state), group: context.group, scheduler: context.scheduler,
            configuration: context.configuration, quorum: context.quorum, deadlineNs: deadlineNs,
            parse: AcceptorReply.init(accept:))
    }

    /// How many replicas accepted, once a majority has.
    func accepted() async -> Result<Int, RoundRefusal> {
        await run { $0 == .accepted }
        let count = Self.count({ $0 == .accepted }, in: call, configuration.counted, parse)
        return count >= quorum ? .success(count) : .failure(refusal)
    }

    /// Some counted replica of these certainly has not run it, or may never have.
    func isMissed(by replicas: ReplicaSet) -> Bool {
        !configuration.counted.intersection(replicas).subtracting(call.sent.subtracting(call.lost)).isEmpty
    }

    /// Every replica that was handed this command once refused it, and none is unheard of: it did nothing and never will
    /// (rule C7, second case).
    var wasRefusedByAll: Bool {
        call.outstanding.isEmpty && call.lost.isEmpty && call.resent.isEmpty
            && replies.allSatisfy(\.reply.isRefusal)
    }
}

/// What a round needs to know: where, and under which configuration.
struct RoundContext {
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    let commands: AcceptorCommands
    /// A majority of all replicas, whoever of them counts now; all of them for the operator's first configuration.
    let quorum: Int

    var configuration: GroupConfiguration { commands.configuration }
}

/// Why a round found no majority.
enum RoundRefusal: Error, Equatable {
    /// Somebody has promised or accepted this higher ballot.
    case outbid(Ballot)
    /// Some replica knows a higher epoch or is not who the configuration says.
    case otherConfiguration
    /// A replica did not know the script yet; its connection loads it again.
    case noScript
    /// Too few replicas were reachable or answered in time.
    case noMajority
    /// Too few replicas had room for one more command.
    case overloaded
    /// A replica answered with an error of its own.
    case failed(String)
}
