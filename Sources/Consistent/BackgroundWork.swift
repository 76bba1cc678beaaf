import EventLoop

/// Repeats background steps at an interval until it is stopped.
final class BackgroundWork {
    private let scheduler: any Scheduler
    private let intervalNs: UInt64
    private var isRunning = false

    init(scheduler: any Scheduler, intervalMs: UInt64) {
        self.scheduler = scheduler
        intervalNs = intervalMs * nsPerMs
    }

    /// Each step repeats on its own, with pauses that vary by a tenth so that instances drift apart.
    func start(_ steps: [() async -> Void]) {
        guard !isRunning else { return }
        isRunning = true
        for step in steps {
            scheduler.spawn { [weak self, scheduler, intervalNs] in
                while self?.isRunning == true {
                    await step()
                    await scheduler.sleep(forNs: scheduler.random(in: intervalNs * 9 / 10...intervalNs * 11 / 10))
                }
            }
        }
    }

    func stop() { isRunning = false }
}
