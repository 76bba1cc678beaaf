import Resilience
import Testing

private let secondNs: UInt64 = 1_000_000_000

private func taken(_ limiter: inout RateLimiter, tries: Int, atNs nowNs: UInt64) -> Int {
    (0..<tries).count { _ in limiter.take(atNs: nowNs) }
}

@Suite(.timeLimit(.minutes(20))) struct RateLimiterTests {
    @Test func aBurstOfOneSecondIsAllowed() {
        var limiter = RateLimiter(ratePerS: 100)
        #expect(taken(&limiter, tries: 500, atNs: 7) == 100)
        #expect(taken(&limiter, tries: 500, atNs: 7 + secondNs / 10) == 10)
    }

    @Test func atMostOneSecondIsSaved() {
        var limiter = RateLimiter(ratePerS: 100)
        #expect(taken(&limiter, tries: 500, atNs: 0) == 100)
        #expect(taken(&limiter, tries: 500, atNs: 3_600 * secondNs) == 100)
    }

    @Test(arguments: [1, 3, 1_000, 7_777] as [UInt64])
    func theMeanIsTheRate(ratePerS: UInt64) {
        var limiter = RateLimiter(ratePerS: ratePerS)
        let steps: UInt64 = 100_000
        let count = (0..<steps).count { limiter.take(atNs: $0 * 10 * secondNs / steps) }
        #expect((ratePerS * 10...ratePerS * 11).contains(UInt64(count)))
    }

    @Test func aClockThatGoesBackGivesNoTokens() {
        var limiter = RateLimiter(ratePerS: 2)
        #expect(taken(&limiter, tries: 5, atNs: 9 * secondNs) == 2)
        #expect(taken(&limiter, tries: 5, atNs: 0) == 0)
        #expect(taken(&limiter, tries: 5, atNs: 9 * secondNs) == 0)
        #expect(taken(&limiter, tries: 5, atNs: 9 * secondNs + secondNs / 2) == 1)
    }
}
