import EventLoop
import Replication

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
            return StoreFailure(.timeout, "other changes of this key used up the time")
        }
        return .noMajority
    }
}
