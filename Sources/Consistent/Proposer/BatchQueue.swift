import DequeModule
import EventLoop
import Replication

/// Queues the operations of each register and runs them in batches, one batch per register at a time (rule C4).
/// Different registers are independent.
final class BatchQueue {
    private let acceptors: AcceptorGroup
    private let proposer: Proposer
    private let maxPending: Int
    private let maxBatch: Int
    /// The waiting operations by register. A register has an entry, possibly empty, while one of its batches runs.
    private var queues: [Register: Deque<PendingOperation>] = [:]
    private var pendingCount = 0
    private var lastBatchNumber: UInt64 = 0

    /// - Parameters:
    ///   - maxPending: the most operations that wait or run. Further ones fail as `overloaded`.
    ///   - maxBatch: the most operations in one batch.
    init(
        _ acceptors: AcceptorGroup, proposer: Proposer, maxPending: Int, maxBatch: Int
    ) {
        self.acceptors = acceptors
        self.proposer = proposer
        self.maxPending = maxPending
        self.maxBatch = maxBatch
    }

    /// Runs `operation`. Returns its answer, or a failure at its deadline.
    func submit(_ operation: Operation, on register: Register, deadlineNs: UInt64) async -> PendingOperation.Answer {
        guard proposer.configurations.hasQuorum else {
            acceptors.events?.quorumUnavailable()
            return .failure(StoreFailure.noMajority.with(.notApplied))
        }
        guard pendingCount < maxPending else {
            return .failure(StoreFailure(.overloaded, "too many changes are waiting", outcome: .notApplied))
        }
        let pending = PendingOperation(operation, deadlineNs: deadlineNs, progress: proposer.progress)
        pendingCount += 1
        let answer = await run(pending, on: register)
        pendingCount -= 1
        if case .failure(let failure) = answer, failure.code == .noQuorum { acceptors.events?.quorumUnavailable() }
        return answer
    }

    /// Runs the operation in the caller's task if the register is idle and the configuration is known. Otherwise queues
    /// it. Operations that are queued while it runs start in a new task afterwards.
    private func run(_ pending: PendingOperation, on register: Register) async -> PendingOperation.Answer {
        let scheduler = acceptors.scheduler
        guard queues[register] == nil else {
            queues[register]?.append(pending)
            return await pending.wait(scheduler: scheduler)
        }
        guard proposer.configurations.current != nil else {
            queues[register] = [pending]
            scheduler.spawn { await self.runQueue(of: register) }
            return await pending.wait(scheduler: scheduler)
        }
        queues[register] = []
        scheduler.schedule(pending, atNs: pending.deadlineNs)
        await proposer.run(nextBatch([pending]), on: register)
        if queues[register]?.isEmpty == true {
            queues[register] = nil
        } else {
            scheduler.spawn { await self.runQueue(of: register) }
        }
        return pending.answer!
    }

    /// Runs batches of one register until its queue is empty.
    private func runQueue(of register: Register) async {
        while let queue = queues[register], !queue.isEmpty {
            let taken = Array(queue.prefix(maxBatch))
            queues[register]?.removeFirst(taken.count)
            await proposer.run(nextBatch(taken), on: register)
        }
        queues[register] = nil
    }

    private func nextBatch(_ operations: [PendingOperation]) -> Batch {
        lastBatchNumber += 1
        return Batch(number: lastBatchNumber, operations: operations)
    }
}
