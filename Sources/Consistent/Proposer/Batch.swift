import Replication

/// The operations on one register that one proposer gets chosen together, through all attempts (rules C4 to C7).
final class Batch {
    /// Counts the batches of this proposer. Together they name the batch in ``RegisterState/writers``.
    let number: UInt64
    private let operations: [PendingOperation]

    typealias Results = [(operation: PendingOperation, result: OperationResult)]

    /// The answers of each attempt that changed the state, until one of them is known to be chosen.
    private var results: [UInt64: Results] = [:]
    /// Accepts that carried a changed state.
    private var sentPhases: [Phase] = []
    private var lastAttempt: UInt64 = 0
    /// The lowest version that a sent attempt started from. Not that of the first attempt: it may be built on a state
    /// that was never chosen, and the chosen history may have lower versions.
    private var baseVersion: UInt64?
    /// The version on which the last attempt that changed the state was built, sent or not.
    private var attemptBaseVersion: UInt64 = 0
    /// Why the last attempt failed.
    var lastFailure: StoreFailure?

    init(number: UInt64, operations: [PendingOperation]) {
        self.number = number
        self.operations = operations
        for operation in operations { operation.batch = self }
    }

    private var unanswered: [PendingOperation] {
        if operations.count == 1, !operations[0].isSettled { return operations }
        return operations.filter { !$0.isSettled }
    }

    /// The last deadline of the operations without an answer; nil if all have one.
    var lastDeadlineNs: UInt64? {
        var last: UInt64?
        for operation in operations where !operation.isSettled { last = max(last ?? 0, operation.deadlineNs) }
        return last
    }

    var onlyDeletes: Bool {
        operations.allSatisfy { if case .delete = $0.operation { true } else { false } }
    }

    var wasSent: Bool { !sentPhases.isEmpty }

    /// A state to get accepted, and what to answer once it is chosen.
    struct Proposal {
        let state: RegisterState
        let results: Results
        /// False for a state that was there before: the one found, or the one that an earlier attempt made.
        let isChanged: Bool
    }

    /// The state to propose on top of one that a quorum reported (rule C6).
    ///
    /// If an earlier attempt is in that state's history, proposes that very state, with what that attempt computed.
    /// - Returns: nil if it cannot be determined whether an earlier attempt is in the history.
    func proposal(on state: RegisterState, proposer: UInt64, nowMs: Int64) -> Proposal? {
        startOverIfRejectedByAll()
        if wasSent, let entry = state.entry(of: proposer, number: number) {
            guard let known = results[entry.attempt] else {
                preconditionFailure("a state holds an attempt of this batch that was never made")
            }
            return Proposal(state: state, results: known, isChanged: false)
        }
        if wasSent, let baseVersion, state.evictedAt > baseVersion { return nil }
        lastAttempt += 1
        let open = unanswered
        precondition(!open.isEmpty, "nobody waits for the answers of this batch")
        let writer = RegisterState.Writer(proposer: proposer, number: number, attempt: lastAttempt)
        let outcome = state.applying(open.map(\.operation), as: writer, nowMs: nowMs)
        let paired = zip(open, outcome.results).map { (operation: $0, result: $1) }
        if outcome.isChanged {
            results[lastAttempt] = paired
            attemptBaseVersion = state.version
        }
        return Proposal(state: outcome.state, results: paired, isChanged: outcome.isChanged)
    }

    /// If every accept so far was rejected by all, no attempt is in any history, nor ever will be (rule C7). The next
    /// attempt is then a first one.
    private func startOverIfRejectedByAll() {
        guard wasSent, sentPhases.allSatisfy(\.isRejectedByAll) else { return }
        sentPhases.removeAll()
        results.removeAll()
        baseVersion = nil
    }

    /// Some replica has not replied to an accept of this batch yet.
    var awaitsReplies: Bool { sentPhases.contains { !$0.call.outstanding.isEmpty } }

    /// Called as soon as the accept of a changed state was sent, before anything is awaited.
    func didSend(_ phase: Phase, _ proposal: Proposal) {
        guard !phase.call.sent.isEmpty else { return }
        sentPhases.append(phase)
        baseVersion = min(baseVersion ?? attemptBaseVersion, attemptBaseVersion)
        for (operation, _) in proposal.results { operation.wasCarried = true }
    }

    /// The outcome of an operation that is not attempted any longer (rule C7).
    func outcome(of operation: PendingOperation) -> Outcome {
        guard operation.wasCarried else { return .notApplied }
        return sentPhases.allSatisfy(\.isRejectedByAll) ? .notApplied : .unknown
    }

    /// Fails the operations that certainly did not take effect. The others are attempted until their deadlines, because
    /// their answer may still be found.
    func failUnapplied(_ failure: StoreFailure) {
        lastFailure = failure
        for operation in unanswered where outcome(of: operation) == .notApplied {
            operation.finish(.failure(failure.with(.notApplied)))
        }
    }

    /// Fails all operations without an answer.
    func failAll(_ failure: StoreFailure) {
        for operation in unanswered { operation.finish(.failure(failure.with(outcome(of: operation)))) }
    }
}
