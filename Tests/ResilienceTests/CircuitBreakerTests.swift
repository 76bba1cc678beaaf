import Testing

@testable import Resilience

/// A circuit breaker with a clock that the test controls.
private final class BreakerFixture {
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

    /// Fails the trial that is due.
    ///
    /// - Returns: how long the breaker then stays open, in milliseconds.
    func failTrial(randomBits: UInt64 = .max) -> UInt64 {
        nowNs = breaker.retryAtNs ?? nowNs
        _ = call()
        fail(randomBits: randomBits)
        return ((breaker.retryAtNs ?? nowNs) - nowNs) / 1_000_000
    }
}

@Suite(.timeLimit(.minutes(20))) struct ClosedCircuitBreakerTests {
    @Test func everyCallIsAllowed() {
        let fixture = BreakerFixture()
        for _ in 0..<1_000 {
            #expect(fixture.call())
        }
        #expect(fixture.breaker.state == .closed)
        #expect(fixture.breaker.lastTransition == nil)
    }

    @Test func theThresholdOfConsecutiveFailuresOpensIt() {
        let fixture = BreakerFixture(failureThreshold: 3)
        #expect(fixture.fail() == nil)
        #expect(fixture.fail() == nil)
        let change = fixture.fail()
        #expect(change?.from == .closed)
        #expect(change?.to == .open)
        #expect(change?.atNs == fixture.nowNs)
        #expect(change?.consecutiveFailures == 3)
        #expect(fixture.breaker.lastTransition == change)
        #expect(fixture.breaker.totals.opened == 1)
        #expect(fixture.breaker.retryAtNs == fixture.nowNs + 100_000_000)
    }

    @Test func aSuccessResetsTheCountOfFailures() {
        let fixture = BreakerFixture(failureThreshold: 3)
        fixture.fail()
        fixture.fail()
        fixture.succeed()
        #expect(fixture.breaker.consecutiveFailures == 0)
        fixture.fail()
        fixture.fail()
        #expect(fixture.breaker.state == .closed)
        #expect(fixture.fail()?.to == .open)
    }
}

@Suite(.timeLimit(.minutes(20))) struct OpenCircuitBreakerTests {
    @Test func callsAreRefusedUntilTheOpenPeriodIsOver() {
        let fixture = BreakerFixture(openForMs: 100)
        fixture.open()
        fixture.pass(ms: 99)
        #expect(!fixture.call())
        fixture.pass(ms: 1)
        #expect(fixture.call())
        #expect(fixture.breaker.state == .halfOpen)
    }

    @Test func advanceReturnsTheTransitionOnceAndUsesNoTrialSlot() {
        let fixture = BreakerFixture(openForMs: 100, halfOpenTrials: 1)
        fixture.open()
        #expect(fixture.advance() == nil)
        fixture.pass(ms: 100)
        let change = fixture.advance()
        #expect(change?.from == .open)
        #expect(change?.to == .halfOpen)
        #expect(fixture.advance() == nil)
        #expect(fixture.breaker.retryAtNs == nil)
        #expect(fixture.call())
        #expect(!fixture.call())
    }

    @Test func lateResultsOfEarlierCallsAreIgnored() {
        let fixture = BreakerFixture()
        let before = fixture.breaker.generation
        fixture.open()
        #expect(fixture.succeed(before) == nil)
        #expect(fixture.fail(before) == nil)
        #expect(fixture.breaker.state == .open)
        #expect(fixture.breaker.totals.opened == 1)
        #expect(fixture.breaker.totals.failures == 3)
        #expect(fixture.breaker.totals.successes == 0)
    }
}

@Suite(.timeLimit(.minutes(20))) struct HalfOpenCircuitBreakerTests {
    private func halfOpen(_ fixture: BreakerFixture) -> BreakerFixture {
        fixture.open()
        fixture.pass(ms: 100)
        return fixture
    }

    @Test func concurrentTrialsAreLimited() {
        let fixture = halfOpen(BreakerFixture(halfOpenTrials: 2, successThreshold: 5))
        #expect(fixture.call())
        #expect(fixture.call())
        #expect(!fixture.call())
        #expect(fixture.breaker.trials.inFlight == 2)
        fixture.succeed()
        #expect(fixture.call(), "a finished trial frees its slot")
        #expect(!fixture.call())
    }

    @Test func enoughConsecutiveSuccessesCloseIt() {
        let fixture = halfOpen(BreakerFixture(halfOpenTrials: 1, successThreshold: 2))
        #expect(fixture.call())
        #expect(fixture.succeed() == nil)
        #expect(fixture.call())
        let change = fixture.succeed()
        #expect(change?.from == .halfOpen)
        #expect(change?.to == .closed)
        #expect(fixture.breaker.consecutiveFailures == 0)
        #expect(fixture.breaker.retryAtNs == nil)
        #expect(fixture.call())
    }

    @Test func eachFailedTrialDoublesTheOpenPeriodUpToTheMaximum() {
        let fixture = BreakerFixture(openForMs: 100, maxOpenForMs: 1_000)
        fixture.open()
        var periods: [UInt64] = []
        for _ in 0..<5 {
            periods.append(fixture.failTrial())
        }
        #expect(periods == [200, 400, 800, 1_000, 1_000])
        #expect(fixture.breaker.totals.opened == 6)
        #expect(fixture.breaker.lastTransition?.from == .halfOpen)
        #expect(fixture.breaker.lastTransition?.to == .open)
    }

    @Test func closingResetsTheOpenPeriod() {
        let fixture = BreakerFixture(openForMs: 100)
        fixture.open()
        #expect(fixture.failTrial() == 200)
        fixture.pass(ms: 200)
        #expect(fixture.call())
        #expect(fixture.succeed()?.to == .closed)
        fixture.open()
        #expect(fixture.breaker.retryAtNs == fixture.nowNs + 100_000_000)
    }

    @Test func theOpenPeriodStaysBelowTheMaximumAfterManyFailedTrials() {
        let fixture = BreakerFixture(openForMs: 1, maxOpenForMs: 86_400_000)
        fixture.open()
        for _ in 0..<1_000 {
            #expect(fixture.failTrial() <= 86_400_000)
        }
        #expect(fixture.failTrial() == 86_400_000)
    }

    @Test func resultsFromBeforeTheOpeningAreIgnored() {
        let fixture = BreakerFixture()
        let before = fixture.breaker.generation
        _ = halfOpen(fixture)
        #expect(fixture.call())
        #expect(fixture.succeed(before) == nil)
        #expect(fixture.fail(before) == nil)
        #expect(fixture.breaker.state == .halfOpen)
        #expect(fixture.breaker.trials.inFlight == 1, "a result without a slot frees none")
        #expect(fixture.succeed()?.to == .closed)
    }

    @Test func resultsOfAnEarlierRoundOfTrialsAreIgnored() {
        let fixture = halfOpen(BreakerFixture(halfOpenTrials: 2))
        #expect(fixture.call())
        #expect(fixture.call())
        let firstRound = fixture.breaker.generation
        fixture.fail()
        fixture.pass(ms: 200)
        #expect(fixture.call())
        #expect(fixture.succeed(firstRound) == nil)
        #expect(fixture.breaker.state == .halfOpen)
    }

    @Test func trialsWithoutAResultExpire() {
        let fixture = halfOpen(BreakerFixture(halfOpenTrials: 1, trialTimeoutMs: 5_000))
        #expect(fixture.call())
        let lost = fixture.breaker.generation
        fixture.pass(ms: 4_999)
        #expect(!fixture.call())
        fixture.pass(ms: 1)
        #expect(fixture.call())
        #expect(fixture.succeed(lost) == nil)
        #expect(fixture.breaker.state == .halfOpen)
        #expect(fixture.succeed()?.to == .closed)
    }
}

@Suite(.timeLimit(.minutes(20))) struct CircuitBreakerPeriodTests {
    @Test func jitterShortensAPeriodByAtMostItsShare() {
        for (bits, expectedMs) in [(UInt64.min, UInt64(160)), (.max / 2, 180), (.max, 200)] {
            let fixture = BreakerFixture(openForMs: 100, jitterPercent: 20)
            fixture.open()
            #expect(fixture.failTrial(randomBits: bits) == expectedMs)
        }
    }

    @Test func fullJitterLeavesOneMillisecond() {
        let fixture = BreakerFixture(openForMs: 1, jitterPercent: 100)
        fixture.open()
        #expect(fixture.failTrial(randomBits: 0) == 1)
    }
}

@Suite(.timeLimit(.minutes(20))) struct CircuitBreakerStateTests {
    @Test func statesHaveTheDocumentedNumbersAndNames() {
        #expect(CircuitBreaker.State.allCases.map(\.rawValue) == [0, 1, 2])
        #expect(CircuitBreaker.State.allCases.map(\.name) == ["CLOSED", "HALF_OPEN", "OPEN"])
    }
}
