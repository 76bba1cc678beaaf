import Replication

/// The changes of one key that one proposer makes in one go, through all attempts to get them chosen (rules C4 to C7).
final class Batch {
    /// Counts the batches of this proposer; with the proposer it names the batch in `writers`.
    let number: UInt64
    private let operations: [PendingOperation]

    /// What each attempt that changed the state would answer, by attempt, kept until one of them is known to be chosen.
    private var results: [UInt64: [(operation: PendingOperation, result: OperationResult)]] = [:]
    /// Accepts that carried a changed state.
    private var sentRounds: [Round] = []
    private(set) var lastAttempt: UInt64 = 0
    /// The lowest version that an attempt which was handed out was based on. Not the first one's: that may have stood on a
    /// state that was never chosen, and whose versions went higher than those of the chain that lives.
    private(set) var baseVersion: UInt64?
    /// The same of the last attempt, handed out or not.
    private var attemptBaseVersion: UInt64 = 0
    /// Why the last attempt did not succeed.
    var lastFailure: StoreFailure?

    init(number: UInt64, operations: [PendingOperation]) {
        self.number = number
        self.operations = operations
        for operation in operations { operation.batch = self }
    }

    var unanswered: [PendingOperation] {
        if operations.count == 1, !operations[0].isAnswered { return operations }
        return operations.filter { !$0.isAnswered }
    }

    /// The last deadline of those that still wait for an answer; nil where none does.
    var lastDeadlineNs: UInt64? {
        var last: UInt64?
        for operation in operations where !operation.isAnswered { last = max(last ?? 0, operation.deadlineNs) }
        return last
    }
    var wasSent: Bool { !sentRounds.isEmpty }

    /// What is to be proposed on top of a state that a majority showed.
    enum Step {
        /// Not in this chain: a new attempt.
        case attempt(RegisterState, [(operation: PendingOperation, result: OperationResult)], isChanged: Bool)
        /// An earlier attempt is in this chain: finish that very state, and answer what that attempt computed.
        case finish(RegisterState, [(operation: PendingOperation, result: OperationResult)])
        /// It cannot be told whether an earlier attempt is in this chain.
        case undecidable
    }

    /// Rule C6. `proposer` is ours.
    func step(on state: RegisterState, proposer: UInt64, nowMs: Int64) -> Step {
        beginAgainWhereAllWasRefused()
        if wasSent, let entry = state.entry(of: proposer, number: number), let known = results[entry.attempt] {
            return .finish(state, known)
        }
        if wasSent, let baseVersion, state.since > baseVersion { return .undecidable }
        lastAttempt += 1
        let live = unanswered
        let writer = RegisterState.Writer(proposer: proposer, number: number, attempt: lastAttempt)
        let outcome = state.applying(live.map(\.operation), as: writer, nowMs: nowMs)
        let paired = zip(live, outcome.results).map { (operation: $0, result: $1) }
        if outcome.isChanged {
            results[lastAttempt] = paired
            attemptBaseVersion = state.version
        }
        return .attempt(outcome.state, paired, isChanged: outcome.isChanged)
    }

    /// Where every accept so far was refused wherever it went, no attempt is in any chain nor ever will be (rule C7): the
    /// next one is the first.
    private func beginAgainWhereAllWasRefused() {
        guard wasSent, sentRounds.allSatisfy(\.wasRefusedByAll) else { return }
        sentRounds.removeAll()
        results.removeAll()
        baseVersion = nil
    }

    /// Some replica has yet to say what it did with an accept of this batch.
    var mayHearMore: Bool { sentRounds.contains { !$0.call.outstanding.isEmpty } }

    /// To be called as soon as the accept of a changed state was handed out, before anything is awaited.
    func didSend(_ round: Round, carrying operations: [PendingOperation]) {
        guard !round.call.sent.isEmpty else { return }
        sentRounds.append(round)
        baseVersion = min(baseVersion ?? attemptBaseVersion, attemptBaseVersion)
        for operation in operations { operation.wasCarried = true }
    }

    /// Rule C7: what can be said of an operation whose answer will not be waited for any longer.
    func outcome(of operation: PendingOperation) -> Outcome {
        guard operation.wasCarried else { return .notApplied }
        return sentRounds.allSatisfy(\.wasRefusedByAll) ? .notApplied : .unknown
    }

    /// Fails the operations of which it is certain that they did not take effect; the others go on being tried until their
    /// deadlines, because an answer may still be found for them.
    func failWhatIsCertain(_ failure: StoreFailure) {
        lastFailure = failure
        for operation in unanswered where outcome(of: operation) == .notApplied {
            operation.finish(.failure(StoreFailure(failure.code, failure.detail, outcome: .notApplied)))
        }
    }

    /// Fails all that is left.
    func failAll(_ failure: StoreFailure) {
        for operation in unanswered {
            operation.finish(.failure(StoreFailure(failure.code, failure.detail, outcome: outcome(of: operation))))
        }
    }
}
