import EventLoop
import Replication

/// One client's operation from the moment it is queued to its one answer: the batch's, or its own deadline's.
final class PendingOperation: Expirable {
    /// The result and how many replicas had accepted it.
    typealias Answer = Result<(result: OperationResult, acks: Int), StoreFailure>

    let operation: Operation
    let deadlineNs: UInt64
    private(set) var answer: Answer?
    /// The batch that took it in; nil while it is queued, and again once there is an answer.
    var batch: Batch?
    /// An accept that carried its effect was handed to some connection.
    var wasCarried = false
    private var continuation: UnsafeContinuation<Void, Never>?

    /// Why it was not even tried, or its first round found no end.
    private let whyNot: () -> StoreFailure

    init(_ operation: Operation, deadlineNs: UInt64, whyNot: @escaping () -> StoreFailure) {
        self.whyNot = whyNot
        self.operation = operation
        self.deadlineNs = deadlineNs
    }

    var isAnswered: Bool { answer != nil }

    /// Gives the answer. The first one stands.
    func finish(_ answer: Answer) {
        guard self.answer == nil else { return }
        self.answer = answer
        batch = nil
        continuation.take()?.resume()
    }

    /// Suspends until there is an answer; by its deadline there is one.
    func wait(scheduler: any Scheduler) async -> Answer {
        if let answer { return answer }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            self.continuation = continuation
            scheduler.schedule(self, atNs: deadlineNs)
        }
        return answer!
    }

    var isSettled: Bool { isAnswered }

    func expire() {
        let outcome = batch?.outcome(of: self) ?? .notApplied
        let reason = batch?.lastFailure ?? whyNot()
        finish(.failure(StoreFailure(reason.code, reason.detail, outcome: outcome)))
    }
}
