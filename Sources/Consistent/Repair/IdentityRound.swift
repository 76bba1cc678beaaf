import EventLoop
import Replication

/// A round that changes nothing (CASPaxos, section 2.3: the identity change function), which the whole quorum of its
/// context accepts: completes what is half done, and makes these replicas agree.
struct IdentityRound {
    private let acceptors: AcceptorGroup
    private let context: RoundContext
    private let ballots: BallotGenerator

    private static let timeoutNs = 1_000 * nsPerMs
    /// Attempts for one register.
    private static let maxRounds = 16

    init(_ acceptors: AcceptorGroup, in context: RoundContext, ballots: BallotGenerator) {
        self.acceptors = acceptors
        self.context = context
        self.ballots = ballots
    }

    /// - Throws: why the replicas could not be made to agree.
    func run(on register: Register) async throws(Aborted) {
        let scheduler = acceptors.scheduler
        for attempt in 0..<Self.maxRounds {
            let ballot = ballots.next()
            let deadlineNs = scheduler.nowNs + Self.timeoutNs
            switch await Round.prepare(register, ballot, in: context, deadlineNs: deadlineNs) {
            case .success((_, let state)):
                ballots.observe(ballot.next)
                let deadlineNs = scheduler.nowNs + Self.timeoutNs
                let accept = Round.accept(register, ballot, state, in: context, deadlineNs: deadlineNs)
                switch await accept.accepted() {
                case .success: return
                case .failure(let failure): try prepareNext(after: failure)
                }
            case .failure(let failure): try prepareNext(after: failure)
            }
            await scheduler.sleep(forNs: scheduler.random(in: 0...(UInt64(attempt + 1) * 2 * nsPerMs)))
        }
        throw Aborted("other instances kept changing one key")
    }

    private func prepareNext(after failure: RoundFailure) throws(Aborted) {
        switch failure {
        case .preempted(let higher): ballots.fastForward(past: higher)
        case .noScript, .overloaded: break
        case .otherConfiguration: throw Aborted("the configuration changed meanwhile")
        case .noMajority: throw Aborted("waits: the other replicas do not all answer")
        case .failed(let text): throw Aborted("a replica answered '\(text)'")
        }
    }
}

/// Why a background step stopped early. It starts again later.
struct Aborted: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}
