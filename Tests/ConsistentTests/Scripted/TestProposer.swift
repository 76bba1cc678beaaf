import EventLoop
import Replication
import TestSupport

@testable import Consistent

/// A proposer with its queue, on a ``ScriptedGroup``.
final class TestProposer {
    let configurations: ConfigurationRegister
    let counts = EventCounts()
    private let queue: BatchQueue

    init(_ group: ScriptedGroup, _ scheduler: VirtualScheduler) {
        let settings = ConsistentSettings()
        let acceptors = AcceptorGroup(group, scheduler: scheduler, name: settings.groupName, events: counts)
        let ballots = BallotGenerator(scheduler: scheduler)
        configurations = ConfigurationRegister(acceptors, ballots: ballots)
        let proposer = Proposer(
            acceptors, maxBackoffMs: settings.maxBackoffMs, ballots: ballots, configurations: configurations,
            repairs: RepairBacklog())
        queue = BatchQueue(
            acceptors, proposer: proposer, maxPending: settings.maxPending, maxBatch: settings.maxBatch)
    }

    func submit(_ operation: Operation, on register: Register, deadlineNs: UInt64) async -> PendingOperation.Answer {
        await queue.submit(operation, on: register, deadlineNs: deadlineNs)
    }
}
