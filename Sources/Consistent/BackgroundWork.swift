import EventLoop

/// Repeats background steps at an interval until it is stopped.
final class BackgroundWork {
    private let scheduler: any Scheduler
    private let intervalNs: UInt64
    private var isRunning = false
    /// Counts the starts: a loop of an earlier one ends, even if it sleeps through a stop and the next start.
    private var startCount = 0

    init(scheduler: any Scheduler, intervalMs: UInt64) {
        self.scheduler = scheduler
        intervalNs = intervalMs * nsPerMs
    }

    /// Each step repeats on its own, with pauses that vary by a tenth so that instances drift apart.
    func start(_ steps: [() async -> Void]) {
        guard !isRunning else { return }
        isRunning = true
        startCount += 1
        for step in steps {
            scheduler.spawn { [weak self, scheduler, intervalNs, startCount] in
                while self?.isRunning == true, self?.startCount == startCount {
                    await step()
                    await scheduler.sleep(forNs: scheduler.random(in: intervalNs * 9 / 10...intervalNs * 11 / 10))
                }
            }
        }
    }

    func stop() { isRunning = false }
}
