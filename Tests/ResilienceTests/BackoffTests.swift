import Resilience
import Testing

@Suite(.timeLimit(.minutes(20))) struct BackoffTests {
    @Test func everyDelayIsWithinItsBounds() {
        var generator = SystemRandomNumberGenerator()
        var backoff = Backoff(baseMs: 50, maxMs: 2_000)
        for _ in 0..<10_000 {
            let delayMs = backoff.nextMs(randomBits: generator.next())
            #expect((50...2_000).contains(delayMs))
        }
    }

    @Test func theLongestDelaysTripleUpToTheMaximum() {
        var backoff = Backoff(baseMs: 50, maxMs: 2_000)
        let delays = (0..<6).map { _ in backoff.nextMs(randomBits: .max) }
        #expect(delays == [150, 450, 1_350, 2_000, 2_000, 2_000])
    }

    @Test func theShortestDelayIsTheBase() {
        var backoff = Backoff(baseMs: 50, maxMs: 2_000)
        let delays = (0..<3).map { _ in backoff.nextMs(randomBits: 0) }
        #expect(delays == [50, 50, 50])
    }

    @Test func resetReturnsToTheBase() {
        var backoff = Backoff(baseMs: 50, maxMs: 2_000)
        for _ in 0..<10 {
            _ = backoff.nextMs(randomBits: .max)
        }
        backoff.reset()
        let delayMs = backoff.nextMs(randomBits: .max)
        #expect(delayMs == 150)
    }

    @Test func aBackoffWithEqualBoundsIsConstant() {
        var backoff = Backoff(baseMs: 100, maxMs: 100)
        let delays = [UInt64.min, 12_345, .max].map { backoff.nextMs(randomBits: $0) }
        #expect(delays == [100, 100, 100])
    }
}
