import Replication

/// Operations on one register. The proposer applies all of them to one state and gets the resulting state chosen, which
/// may need several attempts (rules C4 to C7).
final class Batch {
    /// The number of this batch, unique for its proposer. In ``RegisterState/writers``, proposer and number together
    /// identify the batch.
    let number: UInt64
    private let operations: [PendingOperation]

    typealias Results = [(operation: PendingOperation, result: OperationResult)]

    /// By attempt: the results that it computed. Contains only attempts that changed the state.
    private var results: [UInt64: Results] = [:]
    /// The accept phases that were sent with a changed state.
    private var sentPhases: [Phase] = []
    private var lastAttempt: UInt64 = 0
    /// The lowest version on which a sent attempt was built. This need not be the first attempt's version. The first
    /// attempt may have been built on a state that was never chosen, while the chosen history has lower versions.
    private var baseVersion: UInt64?
    /// The version on which the last attempt that changed the state was built, whether or not it was sent.
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

    /// The latest deadline among the operations that have no answer yet; nil if all have one.
    var lastDeadlineNs: UInt64? {
        var last: UInt64?
        for operation in operations where !operation.isSettled { last = max(last ?? 0, operation.deadlineNs) }
        return last
    }

    var onlyDeletes: Bool {
        operations.allSatisfy { if case .delete = $0.operation { true } else { false } }
    }

    var wasSent: Bool { !sentPhases.isEmpty }

    /// A state to get accepted, and the results to return once it is chosen.
    struct Proposal {
        let state: RegisterState
        let results: Results
        /// False if the state is not new: it is the state that was found, or one that an earlier attempt of this batch
        /// made.
        let isChanged: Bool
    }

    /// The state to propose after a quorum has reported `state` (rule C6).
    ///
    /// If the history of `state` contains an earlier attempt of this batch, the proposal is `state` itself, with the
    /// results of that attempt.
    /// - Returns: nil if it is unknown whether the history contains an earlier attempt.
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

    /// If every replica that was sent an accept has rejected it, no attempt is in any history or ever will be (rule
    /// C7). The next attempt then starts as if it were the first.
    private func startOverIfRejectedByAll() {
        guard wasSent, sentPhases.allSatisfy(\.isRejectedByAll) else { return }
        sentPhases.removeAll()
        results.removeAll()
        baseVersion = nil
    }

    /// True if a replica has not yet replied to an accept of this batch.
    var awaitsReplies: Bool { sentPhases.contains { !$0.call.outstanding.isEmpty } }

    /// Records that the accept of a changed state was sent. Call this before the next `await`, because a deadline that
    /// passes there reads the outcome.
    func didSend(_ phase: Phase, _ proposal: Proposal) {
        guard !phase.call.sent.isEmpty else { return }
        sentPhases.append(phase)
        baseVersion = min(baseVersion ?? attemptBaseVersion, attemptBaseVersion)
        for (operation, _) in proposal.results { operation.wasCarried = true }
    }

    /// The outcome of an operation if no further attempt is made (rule C7).
    func outcome(of operation: PendingOperation) -> Outcome {
        guard operation.wasCarried else { return .notApplied }
        return sentPhases.allSatisfy(\.isRejectedByAll) ? .notApplied : .unknown
    }

    /// Fails the operations that certainly did not take effect. The others continue until their deadlines, because
    /// their result may still be found.
    func failUnapplied(_ failure: StoreFailure) {
        lastFailure = failure
        for operation in unanswered where outcome(of: operation) == .notApplied {
            operation.finish(.failure(failure.with(.notApplied)))
        }
    }

    /// Fails every operation that has no answer yet.
    func failAll(_ failure: StoreFailure) {
        for operation in unanswered { operation.finish(.failure(failure.with(outcome(of: operation)))) }
    }
}
