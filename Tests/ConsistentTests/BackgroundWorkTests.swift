import EventLoop
import TestSupport
import Testing

@testable import Consistent

@Suite(.timeLimit(.minutes(20))) struct BackgroundWorkTests {
    @Test func aRestartWithinAnIntervalDoesNotDoubleTheWork() throws {
        let scheduler = VirtualScheduler()
        let work = BackgroundWork(scheduler: scheduler, intervalMs: 100)
        var steps = 0
        try scheduler.run {
            for _ in 0..<3 {
                work.stop()
                work.start([{ steps += 1 }])
            }
            await scheduler.sleep(forNs: 1_000 * nsPerMs)
        }
        work.stop()
        #expect((12...14).contains(steps))
    }
}
