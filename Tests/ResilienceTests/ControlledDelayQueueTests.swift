import Resilience
import Testing

private let msNs: UInt64 = 1_000_000

@Suite(.timeLimit(.minutes(20))) final class ControlledDelayQueueTests {
    private var queue = ControlledDelayQueue<Int, String>(settings: .init(capacity: 10))

    /// The decisions of `next` until there are no more: positive for an element that starts, negative for one that is
    /// shed.
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

    private func wait(_ element: Int, for client: String = "one", cost: Int = 5, atMs ms: UInt64) {
        let isWaiting = queue.wait(element, cost: cost, for: client, nowNs: ms * msNs)
        #expect(isWaiting)
    }

    private func start(_ cost: Int, for client: String = "one") -> Bool { queue.start(cost: cost, for: client) }

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
        var settings = ControlledDelayQueue<Int, String>.Settings(capacity: 10)
        settings.maxCount = 4
        queue = ControlledDelayQueue(settings: settings)
        #expect(start(10))
        for element in 1...2 { wait(element, atMs: 0) }
        let ofTheSame = queue.wait(3, cost: 5, for: "one", nowNs: 0)
        #expect(!ofTheSame, "one client may have half of the places")
        for element in 3...4 { wait(element, for: "two", atMs: 0) }
        let ofAnother = queue.wait(5, cost: 5, for: "three", nowNs: 0)
        #expect(!ofAnother)
    }

    @Test func aClientWithMuchWorkDoesNotDelayAnother() {
        #expect(start(10, for: "greedy"))
        for element in 1...100 { wait(element, for: "greedy", cost: 10, atMs: 0) }
        wait(1_000, for: "modest", cost: 10, atMs: 1)
        queue.finish(cost: 10)
        #expect(decisions(atMs: 2) == [1_000], "it was served nothing so far")
        queue.finish(cost: 10)
        #expect(decisions(atMs: 3) == [1])
    }

    @Test func clientsWithEqualDemandGetEqualShares() {
        #expect(start(10, for: "small pieces"))
        for element in 1...40 { wait(element, for: "small pieces", cost: 5, atMs: 0) }
        for element in 101...120 { wait(element, for: "large pieces", cost: 10, atMs: 0) }
        var served = (small: 0, large: 0)
        var running = [10]
        for _ in 0..<10 {
            for cost in running { queue.finish(cost: cost) }
            running = decisions(atMs: 1).map { $0 > 100 ? 10 : 5 }
            served.small += running.reduce(0) { $0 + ($1 == 5 ? 5 : 0) }
            served.large += running.reduce(0) { $0 + ($1 == 10 ? 10 : 0) }
        }
        #expect(abs(served.small - served.large) <= 20, "\(served)")
        #expect(served.small + served.large >= 75, "\(served)")
    }

    @Test func workThatWasShedDoesNotCountAsServed() {
        #expect(start(10, for: "other"))
        for element in 1...10 { wait(element, for: "unlucky", cost: 10, atMs: 0) }
        #expect(decisions(atMs: 101) == (1...10).map { -$0 })
        wait(11, for: "unlucky", cost: 10, atMs: 102)
        wait(12, for: "other", cost: 10, atMs: 102)
        queue.finish(cost: 10)
        #expect(decisions(atMs: 103) == [11])
    }
}
