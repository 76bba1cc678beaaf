import EventLoop
import Replication

/// Everything that a round needs: the replicas, the commands and the quorum under one configuration.
struct RoundContext {
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    let commands: AcceptorCommands
    let quorum: Quorum

    /// - Parameter size: how many voters must agree; nil for a majority of all replicas.
    init(_ acceptors: AcceptorGroup, under configuration: GroupConfiguration, quorumSize size: Int? = nil) {
        group = acceptors.replicas
        scheduler = acceptors.scheduler
        commands = AcceptorCommands(group: acceptors.name, configuration: configuration)
        quorum = size.map { Quorum(voters: configuration.voters, size: $0) } ?? acceptors.quorum(of: configuration)
        precondition(2 * quorum.size > configuration.entries.count, "any two quorums must share a replica")
    }

    var configuration: GroupConfiguration { commands.configuration }

    /// Runs rounds until a change of `register` is chosen. Used for the configuration, and for the identity rounds of a
    /// rebuild (CASPaxos, section 2.3), where `change` returns its argument. Such rounds are rare, so nothing is
    /// cached.
    ///
    /// - Parameters:
    ///   - maxRounds: the maximum number of rounds. A round is repeated if it was preempted, a replica had not loaded
    ///     the script, or replicas had too many unanswered commands.
    ///   - change: computes the new state; nil if the state must not be changed.
    /// - Returns: the state that is chosen now; nil if `change` returned nil.
    func choose(
        _ register: Register, ballots: BallotGenerator, maxRounds: Int, deadlineNs: UInt64,
        _ change: (RegisterState) -> RegisterState?
    ) async -> Result<RegisterState?, RoundFailure> {
        var last = RoundFailure.noMajority
        for attempt in 0..<maxRounds {
            if attempt > 0 { await scheduler.sleep(forNs: scheduler.random(in: 0...UInt64(attempt) * 2 * nsPerMs)) }
            do throws(RoundFailure) {
                let ballot = ballots.next()
                let found = try await Phase.prepare(register, ballot, in: self, deadlineNs: deadlineNs).get()
                guard let next = change(found.state) else { return .success(nil) }
                ballots.observe(ballot.next)
                let accept = Phase.accept(register, ballot, next, in: self, deadlineNs: deadlineNs)
                _ = try await accept.accepted().get()
                return .success(next)
            } catch {
                last = error
                switch error {
                case .preempted(let higher): ballots.fastForward(past: higher)
                case .noScript, .overloaded: break
                case .otherConfiguration, .noMajority, .failed: return .failure(error)
                }
            }
        }
        return .failure(last)
    }
}

/// Why a round found no quorum.
enum RoundFailure: Error, Equatable {
    /// A replica has promised or accepted this higher ballot.
    case preempted(Ballot)
    /// A replica has seen a higher epoch, or is not the one that the configuration names.
    case otherConfiguration
    /// A replica had not loaded the script. Its connection reloads it.
    case noScript
    /// Too few replicas were reachable or answered in time.
    case noMajority
    /// Some replicas were not sent the command, because they had too many unanswered commands. The others were fewer
    /// than a quorum.
    case overloaded
    /// A replica answered with a server error.
    case failed(ServerError)
}
