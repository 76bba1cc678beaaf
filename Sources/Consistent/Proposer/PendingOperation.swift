import EventLoop
import Replication

/// One client's operation from the moment it is queued to its one answer: that of its batch, or that of its deadline.
final class PendingOperation: Expirable {
    /// The result, and how many replicas had accepted it.
    typealias Answer = Result<(result: OperationResult, acks: Int), StoreFailure>

    let operation: Operation
    let deadlineNs: UInt64
    private let progress: RoundProgress
    private(set) var answer: Answer?
    /// The batch that it belongs to; nil while it is queued, and after it has an answer.
    var batch: Batch?
    /// An accept that carries its effect was sent to some replica.
    var wasCarried = false
    private var continuation: UnsafeContinuation<Void, Never>?

    init(_ operation: Operation, deadlineNs: UInt64, progress: RoundProgress) {
        self.operation = operation
        self.deadlineNs = deadlineNs
        self.progress = progress
    }

    var isSettled: Bool { answer != nil }

    /// Gives the answer. The first one stands.
    func finish(_ answer: Answer) {
        guard self.answer == nil else { return }
        self.answer = answer
        batch = nil
        continuation.take()?.resume()
    }

    /// Suspends until there is an answer, at the deadline at the latest.
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

/// When a round of this proposer last succeeded or was preempted: tells rivals from missing replicas.
final class RoundProgress {
    private let scheduler: any Scheduler
    private var lastEndNs: UInt64?
    private static let recentNs = 100 * nsPerMs

    init(scheduler: any Scheduler) { self.scheduler = scheduler }

    func roundEnded() { lastEndNs = scheduler.nowNs }

    /// Why an operation ran out of time before any round of its own ended.
    var failureOfWaiting: StoreFailure {
        if let lastEndNs, scheduler.nowNs - lastEndNs < Self.recentNs {
            return StoreFailure(.timeout, "other operations of this key used up the time")
        }
        return .noMajority
    }
}
