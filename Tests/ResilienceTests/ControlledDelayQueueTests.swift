import Resilience
import Testing

private let msNs: UInt64 = 1_000_000

@Suite(.timeLimit(.minutes(20))) final class ControlledDelayQueueTests {
    private var queue = ControlledDelayQueue<Int>(settings: .init(capacity: 10))

    /// What `next` decides until it decides nothing: positive for a start, negative for one that is shed.
    private func decisions(atMs ms: UInt64) -> [Int] {
        var decided: [Int] = []
        while let decision = queue.next(nowNs: ms * msNs) {
            switch decision {
            case .start(let element): decided.append(element)
            case .shed(let element): decided.append(-element)
            }
        }
        return decided
    }

    private func wait(_ element: Int, atMs ms: UInt64) {
        let isWaiting = queue.wait(element, cost: 5, nowNs: ms * msNs)
        #expect(isWaiting)
    }

    private func start(_ cost: Int) -> Bool { queue.start(cost: cost) }

    @Test func workRunsUpToTheCapacity() {
        #expect(start(5))
        #expect(start(5))
        #expect(!start(1))
        queue.finish(cost: 5)
        #expect(start(4))
    }

    @Test func workThatExceedsTheCapacityRunsAlone() {
        #expect(start(50))
        #expect(!start(1))
        queue.finish(cost: 50)
        #expect(start(1))
    }

    @Test func waitingWorkStartsInOrderAndIsNotOvertaken() {
        #expect(start(10))
        for element in 1...3 { wait(element, atMs: 0) }
        #expect(decisions(atMs: 1) == [])
        queue.finish(cost: 10)
        #expect(!start(1), "others wait")
        #expect(decisions(atMs: 2) == [1, 2])
        queue.finish(cost: 5)
        #expect(decisions(atMs: 3) == [3])
        #expect(queue.isEmpty)
    }

    @Test func aBurstMayWaitForTheInterval() {
        #expect(start(10))
        wait(1, atMs: 1_000)
        #expect(decisions(atMs: 1_100) == [])
        queue.finish(cost: 10)
        #expect(decisions(atMs: 1_100) == [1])
    }

    @Test func workWithoutCapacityIsShedAfterTheInterval() {
        #expect(start(10))
        wait(1, atMs: 1_000)
        #expect(decisions(atMs: 1_101) == [-1])
        #expect(queue.isEmpty)
    }

    @Test func aQueueThatIsNeverEmptyShedsAfterTheTarget() {
        #expect(start(10))
        wait(1, atMs: 0)
        wait(2, atMs: 60)
        wait(3, atMs: 140)
        #expect(decisions(atMs: 101) == [-1], "2 has waited for less than the target")
        #expect(decisions(atMs: 150) == [-2])
        queue.finish(cost: 10)
        #expect(decisions(atMs: 190) == [3])
    }

    @Test func afterItWasEmptyTheQueueAbsorbsABurstAgain() {
        #expect(start(10))
        wait(1, atMs: 0)
        #expect(decisions(atMs: 101) == [-1])
        wait(2, atMs: 200)
        #expect(decisions(atMs: 290) == [])
        queue.finish(cost: 10)
        #expect(decisions(atMs: 290) == [2])
    }

    @Test func theNumberOfWaitingElementsIsBounded() {
        var settings = ControlledDelayQueue<Int>.Settings(capacity: 10)
        settings.maxCount = 2
        queue = ControlledDelayQueue(settings: settings)
        #expect(start(10))
        for element in 1...2 { wait(element, atMs: 0) }
        let isWaiting = queue.wait(3, cost: 5, nowNs: 0)
        #expect(!isWaiting)
    }
}
