import EventLoop
import Resilience
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct ConnectionLogTests {
    private static let minuteNs = 60_000 * nsPerMs

    /// One second in which a replica is down: the trial of the breaker fails, and the breaker opens again.
    private func downForASecond(_ log: inout ConnectionLog, reason: String = "refused") -> [Bool] {
        [
            log.breakerChanged(from: .open, to: .halfOpen), log.failed(reason: reason),
            log.breakerChanged(from: .halfOpen, to: .open),
        ]
    }

    @Test func aReplicaThatIsDownHasALineForEachChangeAndThenOneSummaryPerMinute() {
        var log = ConnectionLog(nowNs: 0)
        let first = [log.connected(), log.failed(reason: "reset"), log.breakerChanged(from: .closed, to: .open)]
        #expect(first == [true, true, true])
        var lines = 0
        var summaries: [ConnectionLog.Summary] = []
        for second in 1...600 {
            lines += downForASecond(&log).filter { $0 }.count
            log.takeSummary(nowNs: UInt64(second) * 1_000 * nsPerMs).map { summaries.append($0) }
        }
        #expect(lines == 1, "the reason 'refused' was new")
        #expect(summaries.count == 10)
        #expect(
            summaries.dropFirst().allSatisfy {
                $0 == ConnectionLog.Summary(failures: 60, connections: 0, breakerChanges: 120, reason: "refused")
            })
        let last = [log.breakerChanged(from: .halfOpen, to: .closed), log.connected()]
        #expect(last == [true, true])
        let summary = log.takeSummary(nowNs: 11 * Self.minuteNs)
        #expect(summary == nil)
    }

    @Test func aReplicaThatFlapsHasABoundedNumberOfLines() {
        var log = ConnectionLog(nowNs: 0)
        var lines = 0
        for attempt in 0..<1_000 {
            if log.failed(reason: "reason \(attempt)") { lines += 1 }
            if log.connected() { lines += 1 }
        }
        #expect(lines == ConnectionLog.maxLinesPerMinute)
        let summary = log.takeSummary(nowNs: Self.minuteNs)
        #expect(summary.map { $0.failures + $0.connections } == 2_000 - lines)
        #expect(summary?.reason == "reason 999")
        let isLogged = log.failed(reason: "reset")
        #expect(isLogged, "the next minute has lines again")
    }

    @Test func reasonsThatAllDifferAreBounded() {
        var log = ConnectionLog(nowNs: 0)
        var lines = 0
        for minute in 1...20 {
            for attempt in 0..<60 where log.failed(reason: "\(minute) \(attempt)") { lines += 1 }
            _ = log.takeSummary(nowNs: UInt64(minute) * Self.minuteNs)
        }
        #expect(lines == ConnectionLog.maxReasons)
    }

    @Test func nothingIsSummarisedWithoutFailures() {
        var log = ConnectionLog(nowNs: 0)
        let isLogged = log.connected()
        let summary = log.takeSummary(nowNs: Self.minuteNs)
        #expect(isLogged && summary == nil)
    }
}
