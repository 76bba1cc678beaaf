import Testing

@testable import EventLoop

private final class Timer: Expirable {
    var isSettled = false
    func expire() {}
}

@Suite(.timeLimit(.minutes(20))) struct TimerQueueTests {
    @Test func timersOfOneKindAreDueInOrder() {
        var queue = TimerQueue()
        let timers = (0..<10).map { _ in Timer() }
        for (index, timer) in timers.enumerated() { queue.add(timer, atNs: UInt64(index) * 10) }
        #expect(queue.nextDeadlineNs() == 0)
        var due: [ObjectIdentifier] = []
        while let timer = queue.popDue(nowNs: 45) { due.append(ObjectIdentifier(timer)) }
        #expect(due == timers.prefix(5).map(ObjectIdentifier.init))
        #expect(queue.nextDeadlineNs() == 50)
    }

    @Test func timersAddedInAnyOrderAreDueInOrder() {
        var queue = TimerQueue()
        var generator = SystemRandomNumberGenerator()
        let timers = (0..<1_000).map { _ in Timer() }
        for timer in timers { queue.add(timer, atNs: generator.next(upperBound: 1_000)) }
        var nowNs: UInt64 = 0
        var count = 0
        while let deadlineNs = queue.nextDeadlineNs() {
            #expect(deadlineNs >= nowNs)
            nowNs = deadlineNs
            while queue.popDue(nowNs: nowNs) != nil { count += 1 }
        }
        #expect(count == 1_000)
    }

    @Test func overdueTimersOfAllKindsAreDueInOrder() {
        var queue = TimerQueue()
        var deadlines: [ObjectIdentifier: UInt64] = [:]
        let timers = (0..<1_000).map { _ in Timer() }
        for timer in timers {
            let deadlineNs = UInt64.random(in: 0..<1_000)
            deadlines[ObjectIdentifier(timer)] = deadlineNs
            queue.add(timer, atNs: deadlineNs)
        }
        var order: [UInt64] = []
        while let timer = queue.popDue(nowNs: 1_000) { order.append(deadlines[ObjectIdentifier(timer)]!) }
        #expect(order == deadlines.values.sorted())
    }

    @Test func noTimerIsDueEarly() {
        var queue = TimerQueue()
        queue.add(Timer(), atNs: 100)
        #expect(queue.popDue(nowNs: 99) == nil)
        #expect(queue.popDue(nowNs: 100) != nil)
    }

    @Test func settledTimersAreDroppedBehindAnUnsettledOne() {
        var queue = TimerQueue()
        let slow = Timer()
        queue.add(slow, atNs: 0)
        for index in 1...100_000 {
            let quick = Timer()
            quick.isSettled = true
            queue.add(quick, atNs: UInt64(index))
        }
        #expect(queue.count < 2_000)
        #expect(queue.popDue(nowNs: 0) === slow)
    }
}
