import EventLoop
import TestSupport
import Testing

@testable import CapLab

/// The load generator, in virtual time.
@Suite struct LoadGeneratorTests {
    private let scheduler = VirtualScheduler()

    private final class Service {
        var requests: [AskRequest] = []
        var tookMs: UInt64 = 1
    }

    private func generator(_ service: Service) -> LoadGenerator {
        LoadGenerator(services: ["app_cp", "app_ap"], on: scheduler) { [scheduler] request in
            service.requests.append(request)
            await scheduler.sleep(forNs: service.tookMs * nsPerMs)
        }
    }

    private func sleep(_ durationMs: UInt64) async { await scheduler.sleep(forNs: durationMs * nsPerMs) }

    @Test(arguments: [1, 3, 200, 1_000])
    func theRateIsExact(rate: Int) throws {
        try scheduler.run {
            let service = Service()
            let generator = generator(service)
            generator.apply(LoadPlan(rates: ["app_cp": rate]))
            await sleep(10_001)
            #expect(service.requests.count == 10 * rate)
            #expect(service.requests.allSatisfy { $0.service == "app_cp" })
            generator.stop()
            #expect(!generator.isRunning)
            await sleep(5_000)
            #expect(service.requests.count == 10 * rate)
        }
    }

    @Test func slowAnswersDoNotSlowTheLoadUntilTooManyWait() throws {
        try scheduler.run {
            let service = Service()
            service.tookMs = 300
            let generator = generator(service)
            generator.apply(LoadPlan(rates: ["app_cp": 200]))
            await sleep(1_001)
            #expect(generator.counts("app_cp").sent == 200)
            #expect(generator.counts("app_cp").inFlight == 60)
            service.tookMs = 1_000_000
            await sleep(2_000)
            let counts = generator.counts("app_cp")
            #expect(counts.inFlight == LoadGenerator.maxInFlight)
            #expect(counts.sent + counts.notSent == 600)
            #expect(counts.sent == service.requests.count)
            generator.stop()
        }
    }

    @Test func otherOperationsReplaceTheDrawnRequestsAndThoseBeyondTheLimitAreReported() throws {
        try scheduler.run { [scheduler] in
            let service = Service()
            let generator = generator(service)
            var performed: [String] = []
            var full: [String] = []
            generator.perform = { name in
                performed.append(name)
                await scheduler.sleep(forNs: 10_000_000 * nsPerMs)
            }
            generator.onFull = { full.append($0) }
            generator.apply(LoadPlan(rates: ["app_ap": 100]))
            await sleep(1_001)
            #expect(service.requests.isEmpty)
            #expect(performed == Array(repeating: "app_ap", count: LoadGenerator.maxInFlight))
            #expect(full == Array(repeating: "app_ap", count: 100 - LoadGenerator.maxInFlight))
            generator.stop()
        }
    }

    @Test func servicesHaveTheirOwnRatesAndLimits() throws {
        try scheduler.run {
            let service = Service()
            let generator = generator(service)
            generator.apply(LoadPlan(rates: ["app_cp": 100, "app_ap": 10]))
            await sleep(1_001)
            generator.apply(LoadPlan(rates: ["app_cp": 0, "app_ap": 10]))
            await sleep(1_000)
            #expect(generator.counts("app_cp").sent == 100)
            #expect(generator.counts("app_ap").sent == 20)
            generator.stop()
        }
    }

    @Test func readsAndKeysHaveTheirShares() throws {
        try scheduler.run {
            let service = Service()
            let generator = generator(service)
            generator.apply(LoadPlan(rates: ["app_cp": 1_000], readShare: 0.8, keys: 4))
            await sleep(10_001)
            let reads = service.requests.filter { $0.op == .read }
            #expect((7_700...8_300).contains(reads.count))
            #expect(reads.allSatisfy { $0.value == nil })
            #expect(Set(service.requests.map(\.key)) == ["load-1", "load-2", "load-3", "load-4"])
            let values = service.requests.compactMap(\.value)
            #expect(values.contains("ana") && values.contains("bob"))
            let others = values.filter { $0 != "ana" && $0 != "bob" }
            #expect(Set(others).count == others.count)
            generator.stop()
        }
    }

    @Test func afterAPauseOfTheLabWhatWasDueIsNotCaughtUp() {
        var pacer = LoadPacer(ratePerS: 1_000, nowNs: 0)
        #expect(pacer.due(atNs: 999_999) == (0, 0))
        #expect(pacer.due(atNs: 5_000_000) == (5, 0))
        #expect(pacer.due(atNs: 5_000_000) == (0, 0))
        #expect(pacer.due(atNs: 2_005_000_000) == (100, 1_900))
        #expect(pacer.nextNs == 2_006_000_000)
        var slow = LoadPacer(ratePerS: 1, nowNs: 0)
        #expect(slow.due(atNs: 10_000_000_000) == (1, 9))
    }

    @Test func theEventHasRatesAndCounts() throws {
        try scheduler.run {
            let generator = generator(Service())
            generator.apply(LoadPlan(rates: ["app_cp": 10], readShare: 0.75, keys: 5))
            await sleep(1_001)
            generator.stop()
            #expect(
                String(decoding: generator.event(atUs: 1_500), as: UTF8.self)
                    == #"{"tMs":1.5,"rates":{"app_cp":0,"app_ap":0},"mix":{"read":0.75},"keys":5,"#
                    + #""sent":{"app_cp":10,"app_ap":0},"notSent":{"app_cp":0,"app_ap":0}}"#)
        }
    }
}
