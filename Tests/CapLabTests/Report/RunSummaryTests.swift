import Foundation
import JSON
import Testing

@testable import CapLab

/// The arithmetic of a report.
@Suite struct RunSummaryTests {
    private static let phases = [
        RunSummary.Phase(name: "before", fromMs: 0, toMs: 100), .init(name: "during", fromMs: 100, toMs: 200),
        .init(name: "after", fromMs: 200, toMs: 300),
    ]

    private func sample(
        _ sentMs: Double, _ result: AnswerSample.Result = .answered, tookMs: Float = 1, service: String = "app_ap",
        stalenessMs: Float? = nil, isStale: Bool = false
    ) -> AnswerSample {
        AnswerSample(
            service: service, sentMs: sentMs, tookMs: tookMs, result: result, isStale: isStale, stalenessMs: stalenessMs
        )
    }

    private func summary(_ samples: [AnswerSample], verdict: RunSummary.Verdict = .init()) -> RunSummary {
        RunSummary(samples, phases: Self.phases, services: Topology.pair.services, conflicts: 3, verdict: verdict)
    }

    private func figures(_ samples: [AnswerSample]) throws -> [RunSummary.Figures] {
        try #require(summary(samples).services.first { $0.name == "app_ap" }).phases
    }

    @Test func aRequestBelongsToThePhaseInWhichItWasSent() throws {
        let figures = try figures([
            sample(0), sample(99.9, tookMs: 500), sample(100), sample(250), sample(300), sample(50, service: "app_cp"),
        ])
        #expect(figures.map(\.requests) == [2, 1, 1])
    }

    @Test func refusalsAndFailuresAreCountedApartAndHaveNoLatency() throws {
        let figures = try figures([
            sample(1, tookMs: 10), sample(2, .refused, tookMs: 0.1), sample(3, .refused, tookMs: 0.1),
            sample(4, .failed, tookMs: 3_000),
        ])[0]
        #expect((figures.requests, figures.answered, figures.refused, figures.failed) == (4, 1, 2, 1))
        #expect(figures.p50Ms == 10 && figures.p99Ms == 10)
        #expect(figures.availability == 0.25)
    }

    @Test func percentilesAreNearestRanks() throws {
        let figures = try figures((1...200).reversed().map { sample(1, tookMs: Float($0)) })[0]
        #expect(figures.p50Ms == 100 && figures.p99Ms == 198)
    }

    @Test func stalenessIsTheGreatestOfThePhase() throws {
        let figures = try figures([
            sample(1), sample(2, stalenessMs: 20), sample(3, stalenessMs: 6_000, isStale: true), sample(101),
        ])
        #expect(figures[0].stale == 1 && figures[0].maxStalenessMs == 6_000)
        #expect(figures[1].stale == 0 && figures[1].maxStalenessMs == nil)
    }

    @Test func anAnswerIsReducedToASample() {
        func event(_ status: Int, _ outcome: String? = nil) -> AnswerSample {
            let reply = AnswerEvent.Reply.fixture(status: status, outcome: outcome, stalenessMs: 7, isStale: true)
            return AnswerSample(.fixture(1, .write, by: .load, atMs: 5, reply: reply))
        }
        #expect(event(503, "not_applied").result == .refused)
        #expect(event(503, "unknown").result == .failed)
        #expect(event(0, "unknown").result == .failed)
        #expect(event(404).result == .answered && event(412, "not_applied").result == .answered)
        #expect(event(200).isStale && event(200).stalenessMs == 7 && event(200).sentMs == 5)
    }

    @Test func theAvailabilityOfAGroupCountsBothSites() {
        let summary = summary([
            sample(101, service: "app_cp"), sample(102, .refused, service: "app_cp_west"), sample(103),
        ])
        #expect(summary.availability(of: .cp, in: "during") == 0.5)
        #expect(summary.availability(of: .ap, in: "during") == 1)
        #expect(summary.availability(of: .ap, in: "before") == nil)
    }

    @Test func aViolationOrAHistoryThatIsNotLinearizableIsNotHeld() {
        #expect(summary([], verdict: .init(isLinearizable: true)).isHeld)
        #expect(summary([]).isHeld)
        #expect(!summary([], verdict: .init(isLinearizable: false)).isHeld)
        #expect(!summary([], verdict: .init(isLinearizable: true, violations: ["k: v is lost"])).isHeld)
    }

    @Test func sharesAreRoundedDown() {
        #expect(RunSummary.percent(1) == "100 %" && RunSummary.percent(0.99999) == "99.9 %")
        #expect(RunSummary.percent(0.5) == "50 %" && RunSummary.percent(0) == "0 %")
    }

    @Test func theJSONHasOneObjectPerServiceAndPhase() throws {
        var verdict = RunSummary.Verdict(isLinearizable: nil, violations: (1...30).map { "v\($0)" })
        verdict.convergedInMs = 12.5
        var json = JSONWriter()
        summary([sample(1, tookMs: 2.5)], verdict: verdict).write(to: &json)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any])
        let services = try #require(object["services"] as? [[String: Any]])
        #expect(services.compactMap { $0["name"] as? String } == ["app_cp", "app_ap", "app_cp_west", "app_ap_west"])
        let phases = try #require(services[1]["phases"] as? [[String: Any]])
        #expect(phases.count == 3 && phases[0]["p50Ms"] as? Double == 2.5 && phases[1]["p50Ms"] is NSNull)
        #expect(object["linearizable"] is NSNull && (object["violations"] as? [String])?.count == 20)
        #expect(object["convergedInMs"] as? Double == 12.5 && object["conflicts"] as? Int == 3)
    }
}
