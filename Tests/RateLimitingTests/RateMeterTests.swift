import EventLoop
import Testing

@testable import RateLimiting

private let secondNs: UInt64 = 1_000_000_000

@Suite(.timeLimit(.minutes(20))) struct RateMeterTests {
    /// Takes `count` permits at once; returns how many there were.
    private func take(_ count: UInt64, of meter: inout RateMeter, atNs nowNs: UInt64) -> UInt64 {
        let granted = min(count, meter.available(atNs: nowNs))
        meter.grant(granted, atNs: nowNs)
        return granted
    }

    /// The policies cover rates that do not divide the window.
    static let policies: [RatePolicy] = [
        RatePolicy(.minute, limit: 60, burst: 1), RatePolicy(.minute, limit: 7, burst: 3),
        RatePolicy(.minute, limit: 599, burst: 100), RatePolicy(.minute, limit: 10_000_000, burst: 1_000_000),
        RatePolicy(.hour, limit: 1, burst: 1), RatePolicy(.hour, limit: 6_007, burst: 1_000),
        RatePolicy(.hour, limit: 100_000_000, burst: 1_000_000),
    ]

    @Test(arguments: policies)
    func noWindowHasMorePermitsThanTheBurstAndWhatAccrues(_ policy: RatePolicy) {
        var random = SplitMix64(seed: policy.limit)
        var meter = RateMeter(policy)
        var nowNs: UInt64 = 5
        var grants: [(atNs: UInt64, total: UInt64)] = []
        var total: UInt64 = 0
        for _ in 0..<400 {
            nowNs += random.next() % (4 * policy.windowNs / policy.limit)
            total += take(1 + random.next() % policy.burst, of: &meter, atNs: nowNs)
            grants.append((nowNs, total))
        }
        for (index, first) in grants.enumerated() {
            let before = index == 0 ? 0 : grants[index - 1].total
            for last in grants[index...] {
                let accrued = Double(last.atNs - first.atNs) * Double(policy.limit) / Double(policy.windowNs)
                #expect(Double(last.total - before) <= Double(policy.burst) + accrued + 1e-6)
            }
        }
    }

    @Test(arguments: policies)
    func theWholeBurstIsGrantedAtOnceAndNoMore(_ policy: RatePolicy) {
        var meter = RateMeter(policy)
        var granted: UInt64 = 0
        // In parts, also of one permit: parts must not lose anything by rounding.
        for part in [1, policy.burst / 3, 1, policy.burst] { granted += take(part, of: &meter, atNs: secondNs) }
        #expect(granted == policy.burst)
    }

    @Test(arguments: policies)
    func aPermitIsThereWhenItIsDueAndNotBefore(_ policy: RatePolicy) {
        var meter = RateMeter(policy)
        _ = take(policy.burst, of: &meter, atNs: secondNs)
        let dueNs = meter.dueNs(atNs: secondNs)
        #expect(meter.available(atNs: dueNs - 1) == 0)
        #expect(meter.available(atNs: dueNs) >= 1)
        let refillNs = meter.refillNs(atNs: secondNs)
        #expect(meter.available(atNs: secondNs + refillNs) == policy.burst)
    }

    @Test(arguments: policies)
    func waitingNeverTakesPermitsAway(_ policy: RatePolicy) {
        var random = SplitMix64(seed: policy.burst)
        var meter = RateMeter(policy)
        _ = take(policy.burst, of: &meter, atNs: secondNs)
        var (nowNs, before) = (secondNs, UInt64(0))
        for _ in 0..<200 {
            nowNs += random.next() % (policy.windowNs / policy.limit)
            let available = meter.available(atNs: nowNs)
            #expect(available >= before)
            before = available
        }
        #expect(meter.available(atNs: .max) == policy.burst, "an arithmetic overflow grants no more")
    }

    @Test func aClockThatIsSetBackGrantsNothing() {
        var meter = RateMeter(RatePolicy(.minute, limit: 60, burst: 2))
        #expect(take(2, of: &meter, atNs: 100 * secondNs) == 2)
        #expect(take(1, of: &meter, atNs: 10 * secondNs) == 0)
        #expect(take(1, of: &meter, atNs: 101 * secondNs) == 1)
    }

    @Test func theSharedStateIsExact() {
        var (shared, own) = (
            RateMeter(RatePolicy(.hour, limit: 7, burst: 9)), RateMeter(RatePolicy(.hour, limit: 7, burst: 9))
        )
        _ = take(4, of: &shared, atNs: 0)
        own.set(backlogUs: 4 * 3_600_000_000, atNs: 0)
        #expect(own == shared)
    }

    @Test func theBurstOfAnHourIsNotBelowThatOfAMinute() throws {
        let limits = try #require(RateLimits(perMinute: 600, perHour: 1_200, burst: 0))
        #expect(limits.minute?.burst == 100)
        #expect(limits.hour?.burst == 200)
        #expect(RateLimits(perMinute: 600, perHour: 1_200, burst: 500)?.hour?.burst == 500)
        #expect(RateLimits(perMinute: 0, perHour: 1_200, burst: 7)?.hour?.burst == 7)
        #expect(RateLimits(perMinute: 5, perHour: 0, burst: 0)?.minute?.burst == 1)
        #expect(RateLimits(perMinute: 0, perHour: 0, burst: 5) == nil)
    }

    @Test func bothLimitsHold() throws {
        var meters = RateMeters(try #require(RateLimits(perMinute: 60, perHour: 120, burst: 10)))
        var admitted = 0
        for second in 0..<3_600 as Range<UInt64> where meters.take(atNs: second * secondNs) { admitted += 1 }
        #expect((130...140).contains(admitted), "the burst of an hour is 20: \(admitted)")
        while meters.take(atNs: 3_600 * secondNs) {}
        #expect(meters.exhausted(atNs: 3_600 * secondNs) == .hour)
    }
}
