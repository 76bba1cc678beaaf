import EventLoop
import Replication

/// One operation of a client, from its arrival until its answer. The answer comes from its batch, or from its deadline.
final class PendingOperation: Expirable {
    /// The result, and the number of replicas that accepted it; or the failure.
    typealias Answer = Result<(result: OperationResult, acks: Int), StoreFailure>

    let operation: Operation
    let deadlineNs: UInt64
    private let progress: RoundProgress
    private(set) var answer: Answer?
    /// The batch of this operation; nil while it is queued, and after it has an answer.
    var batch: Batch?
    /// True once an accept that contains the effect of this operation was sent to a replica.
    var wasCarried = false
    private var continuation: UnsafeContinuation<Void, Never>?

    init(_ operation: Operation, deadlineNs: UInt64, progress: RoundProgress) {
        self.operation = operation
        self.deadlineNs = deadlineNs
        self.progress = progress
    }

    var isSettled: Bool { answer != nil }

    /// Sets the answer. Later calls have no effect.
    func finish(_ answer: Answer) {
        guard self.answer == nil else { return }
        self.answer = answer
        batch = nil
        continuation.take()?.resume()
    }

    /// Suspends until there is an answer. At the deadline the answer is a failure.
    func wait(scheduler: any Scheduler) async -> Answer {
        if let answer { return answer }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            self.continuation = continuation
            scheduler.schedule(self, atNs: deadlineNs)
        }
        return answer!
    }

    func expire() {
        let outcome = batch?.outcome(of: self) ?? .notApplied
        let reason = batch?.lastFailure ?? progress.failureOfWaiting
        finish(.failure(reason.with(outcome)))
    }
}

/// Records when a round of this proposer last succeeded or was preempted. An operation that times out can then report
/// whether rivals or missing replicas were the cause.
final class RoundProgress {
    private let scheduler: any Scheduler
    private var lastEndNs: UInt64?
    private static let recentNs = 100 * nsPerMs

    init(scheduler: any Scheduler) { self.scheduler = scheduler }

    func roundEnded() { lastEndNs = scheduler.nowNs }

    /// The failure of an operation that timed out before any round of its batch ended.
    var failureOfWaiting: StoreFailure {
        if let lastEndNs, scheduler.nowNs - lastEndNs < Self.recentNs {
            return StoreFailure(.timeout, "other operations of this key used up the time")
        }
        return .noMajority
    }
}
