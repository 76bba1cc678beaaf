import EventLoop

/// Whether background work may continue, and how fast.
final class BackgroundPace {
    var isRunning = false
    private let scheduler: any Scheduler

    private static let maxRestNs = 250 * nsPerMs

    init(scheduler: any Scheduler) { self.scheduler = scheduler }

    /// Sleeps as long as the last batch took, so that background work uses at most half of a replica's time.
    func rest(sinceNs startNs: UInt64) async {
        await scheduler.sleep(forNs: max(nsPerMs, min(scheduler.nowNs - startNs, Self.maxRestNs)))
    }
}
