import Resilience
import Testing

/// A breaker with a clock that only the test moves.
private final class Bench {
    var breaker: CircuitBreaker
    var nowNs: UInt64 = 1_000_000_000

    init(
        failureThreshold: Int = 3, openForMs: UInt64 = 100, maxOpenForMs: UInt64 = 1_000, jitterPercent: UInt64 = 0,
        halfOpenTrials: Int = 1, successThreshold: Int = 1, trialTimeoutMs: UInt64 = 5_000
    ) {
        breaker = CircuitBreaker(
            settings: CircuitBreaker.Settings(
                failureThreshold: failureThreshold, openForMs: openForMs, maxOpenForMs: maxOpenForMs,
                jitterPercent: jitterPercent, halfOpenTrials: halfOpenTrials, successThreshold: successThreshold,
                trialTimeoutMs: trialTimeoutMs
            )
        )
    }

    func pass(ms: UInt64) { nowNs += ms * 1_000_000 }
    func call() -> Bool { breaker.allows(nowNs: nowNs) }
    func advance() -> CircuitBreaker.Transition? { breaker.advance(nowNs: nowNs) }

    @discardableResult
    func succeed(_ generation: UInt32? = nil) -> CircuitBreaker.Transition? {
        breaker.recordSuccess(nowNs: nowNs, generation: generation ?? breaker.generation)
    }

    @discardableResult
    func fail(_ generation: UInt32? = nil, randomBits: UInt64 = .max) -> CircuitBreaker.Transition? {
        breaker.recordFailure(nowNs: nowNs, generation: generation ?? breaker.generation, randomBits: randomBits)
    }

    func open() {
        while breaker.state != .open {
            _ = call()
            fail()
        }
    }

    /// Fails the trial that is due, and says for how long the breaker then stays open.
    func failTrial(randomBits: UInt64 = .max) -> UInt64 {
        nowNs = breaker.retryAtNs ?? nowNs
        _ = call()
        fail(randomBits: randomBits)
        return ((breaker.retryAtNs ?? nowNs) - nowNs) / 1_000_000
    }
}

@Suite struct WhileClosed {
    @Test func itLetsEveryCallThrough() {
        let bench = Bench()
        for _ in 0..<1_000 {
            #expect(bench.call())
        }
        #expect(bench.breaker.state == .closed)
        #expect(bench.breaker.refusedTotal == 0)
        #expect(bench.breaker.lastTransition == nil)
    }

    @Test func itOpensAfterTheThresholdOfFailuresInARowAndSaysSo() {
        let bench = Bench(failureThreshold: 3)
        #expect(bench.fail() == nil)
        #expect(bench.fail() == nil)
        let change = bench.fail()
        #expect(change?.from == .closed)
        #expect(change?.to == .open)
        #expect(change?.atNs == bench.nowNs)
        #expect(change?.consecutiveFailures == 3)
        #expect(bench.breaker.lastTransition == change)
        #expect(bench.breaker.openedTotal == 1)
        #expect(bench.breaker.retryAtNs == bench.nowNs + 100_000_000)
    }

    @Test func oneSuccessInBetweenStartsTheCountAgain() {
        let bench = Bench(failureThreshold: 3)
        bench.fail()
        bench.fail()
        bench.succeed()
        #expect(bench.breaker.consecutiveFailures == 0)
        bench.fail()
        bench.fail()
        #expect(bench.breaker.state == .closed)
        #expect(bench.fail()?.to == .open)
    }

    @Test func anIgnoredCallCountsForNeitherSide() {
        let bench = Bench(failureThreshold: 2)
        bench.fail()
        bench.breaker.recordIgnored(generation: bench.breaker.generation)
        #expect(bench.breaker.consecutiveFailures == 1)
        #expect(bench.breaker.successesTotal == 0)
        #expect(bench.breaker.failuresTotal == 1)
    }
}

@Suite struct WhileOpen {
    @Test func itTurnsCallsAwayUntilTheOpenPeriodIsOver() {
        let bench = Bench(openForMs: 100)
        bench.open()
        bench.pass(ms: 99)
        #expect(!bench.breaker.wouldAllow(nowNs: bench.nowNs))
        #expect(!bench.call())
        #expect(bench.breaker.refusedTotal == 1)
        bench.pass(ms: 1)
        #expect(bench.breaker.wouldAllow(nowNs: bench.nowNs))
        #expect(bench.breaker.state == .open, "asking whether it would allow changes nothing")
        #expect(bench.call())
        #expect(bench.breaker.state == .halfOpen)
    }

    @Test func advanceTellsOfTheChangeToHalfOpenOnceAndTakesNoSlot() {
        let bench = Bench(openForMs: 100, halfOpenTrials: 1)
        bench.open()
        #expect(bench.advance() == nil)
        bench.pass(ms: 100)
        let change = bench.advance()
        #expect(change?.from == .open)
        #expect(change?.to == .halfOpen)
        #expect(bench.advance() == nil)
        #expect(bench.breaker.retryAtNs == nil)
        #expect(bench.call())
        #expect(!bench.call())
    }

    @Test func lateResultsOfCallsBegunBeforeChangeNothing() {
        let bench = Bench()
        let before = bench.breaker.generation
        bench.open()
        #expect(bench.succeed(before) == nil)
        #expect(bench.fail(before) == nil)
        #expect(bench.breaker.state == .open)
        #expect(bench.breaker.openedTotal == 1)
        #expect(bench.breaker.staleTotal == 2)
        #expect(bench.breaker.failuresTotal == 3)
        #expect(bench.breaker.successesTotal == 0)
    }
}

@Suite struct WhileHalfOpen {
    private func halfOpen(_ bench: Bench) -> Bench {
        bench.open()
        bench.pass(ms: 100)
        return bench
    }

    @Test func onlyAsManyTrialsAsSetAreUnderWayAtOnce() {
        let bench = halfOpen(Bench(halfOpenTrials: 2, successThreshold: 5))
        #expect(bench.call())
        #expect(bench.call())
        #expect(!bench.breaker.wouldAllow(nowNs: bench.nowNs))
        #expect(!bench.call())
        #expect(bench.breaker.trialsInFlight == 2)
        bench.succeed()
        #expect(bench.call(), "a trial that ended makes room for the next")
        #expect(!bench.call())
    }

    @Test func enoughSuccessesInARowCloseIt() {
        let bench = halfOpen(Bench(halfOpenTrials: 1, successThreshold: 2))
        #expect(bench.call())
        #expect(bench.succeed() == nil)
        #expect(bench.call())
        let change = bench.succeed()
        #expect(change?.from == .halfOpen)
        #expect(change?.to == .closed)
        #expect(bench.breaker.consecutiveFailures == 0)
        #expect(bench.breaker.retryAtNs == nil)
        #expect(bench.call())
    }

    @Test func oneFailedTrialOpensItAgainForTwiceAsLongEachTimeUpToTheBound() {
        let bench = Bench(openForMs: 100, maxOpenForMs: 1_000)
        bench.open()
        var periods: [UInt64] = []
        for _ in 0..<5 {
            periods.append(bench.failTrial())
        }
        #expect(periods == [200, 400, 800, 1_000, 1_000])
        #expect(bench.breaker.openedTotal == 6)
        #expect(bench.breaker.lastTransition?.from == .halfOpen)
        #expect(bench.breaker.lastTransition?.to == .open)
    }

    @Test func closingBringsTheOpenPeriodBackToTheFirst() {
        let bench = Bench(openForMs: 100)
        bench.open()
        #expect(bench.failTrial() == 200)
        bench.pass(ms: 200)
        #expect(bench.call())
        #expect(bench.succeed()?.to == .closed)
        bench.open()
        #expect(bench.breaker.retryAtNs == bench.nowNs + 100_000_000)
    }

    @Test func aThousandFailedTrialsStayWithinTheBound() {
        let bench = Bench(openForMs: 1, maxOpenForMs: 86_400_000)
        bench.open()
        for _ in 0..<1_000 {
            #expect(bench.failTrial() <= 86_400_000)
        }
        #expect(bench.failTrial() == 86_400_000)
    }

    @Test func resultsOfCallsBegunBeforeItOpenedCountForNothing() {
        let bench = Bench()
        let before = bench.breaker.generation
        _ = halfOpen(bench)
        #expect(bench.call())
        #expect(bench.succeed(before) == nil)
        #expect(bench.fail(before) == nil)
        #expect(bench.breaker.state == .halfOpen)
        #expect(bench.breaker.trialsInFlight == 1, "they give no slot back that they did not take")
        #expect(bench.succeed()?.to == .closed)
    }

    @Test func resultsOfAnEarlierRoundOfTrialsCountForNothing() {
        let bench = halfOpen(Bench(halfOpenTrials: 2))
        #expect(bench.call())
        #expect(bench.call())
        let firstRound = bench.breaker.generation
        bench.fail()
        bench.pass(ms: 200)
        #expect(bench.call())
        #expect(bench.succeed(firstRound) == nil)
        #expect(bench.breaker.state == .halfOpen)
    }

    @Test func aTrialNeverMadeGivesItsSlotBack() {
        let bench = halfOpen(Bench(halfOpenTrials: 1))
        #expect(bench.call())
        #expect(!bench.call())
        bench.breaker.recordIgnored(generation: bench.breaker.generation)
        #expect(bench.breaker.state == .halfOpen)
        #expect(bench.call())
    }

    @Test func trialsWhoseResultNeverComesDoNotHoldItForEver() {
        let bench = halfOpen(Bench(halfOpenTrials: 1, trialTimeoutMs: 5_000))
        #expect(bench.call())
        let lost = bench.breaker.generation
        bench.pass(ms: 4_999)
        #expect(!bench.call())
        bench.pass(ms: 1)
        #expect(bench.breaker.wouldAllow(nowNs: bench.nowNs))
        #expect(bench.call())
        #expect(bench.succeed(lost) == nil)
        #expect(bench.breaker.state == .halfOpen)
        #expect(bench.succeed()?.to == .closed)
    }
}

@Suite struct Periods {
    @Test func jitterOnlyEverTakesOffItsShareOfAPeriod() {
        for (bits, expectedMs) in [(UInt64.min, UInt64(160)), (.max / 2, 180), (.max, 200)] {
            let bench = Bench(openForMs: 100, jitterPercent: 20)
            bench.open()
            #expect(bench.failTrial(randomBits: bits) == expectedMs)
        }
    }

    @Test func fullJitterStillLeavesAMillisecond() {
        let bench = Bench(openForMs: 1, jitterPercent: 100)
        bench.open()
        #expect(bench.failTrial(randomBits: 0) == 1)
    }
}

@Test func statesHaveTheNumbersAndNamesThatMetricsAndAnswersShow() {
    #expect(CircuitBreaker.State.allCases.map(\.rawValue) == [0, 1, 2])
    #expect(CircuitBreaker.State.allCases.map(\.name) == ["CLOSED", "HALF_OPEN", "OPEN"])
}
