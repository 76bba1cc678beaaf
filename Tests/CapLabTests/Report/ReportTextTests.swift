import Available
import Testing

@testable import CapLab

/// The text of a report, and its index page.
@Suite struct ReportTextTests {
    private func summary(_ verdict: RunSummary.Verdict) -> RunSummary {
        let samples = [
            AnswerSample(service: "app_cp", sentMs: 1, tookMs: 2.25, result: .answered),
            AnswerSample(service: "app_cp", sentMs: 2, tookMs: 1, result: .refused),
        ]
        return RunSummary(
            samples, phases: [.init(name: "during", fromMs: 0, toMs: 10)], services: Topology.pair.services,
            conflicts: 2,
            verdict: verdict)
    }

    @Test func theTableHasARowPerService() {
        let lines = summary(.init()).table.split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines[1] == "app_cp       50 %, p99 2.3 ms")
        #expect(lines[2] == "app_ap       -")
    }

    @Test func theConclusionAnswersEachQuestionInALine() {
        var verdict = RunSummary.Verdict(isLinearizable: true, linearizableDetail: "5 operations on 1 keys checked")
        verdict.acknowledgedWrites = 9
        verdict.convergedInMs = 1_234
        #expect(
            summary(verdict).conclusion == [
                "app-cp: linearizable, 5 operations on 1 keys checked",
                "app-ap: 0 of 9 acknowledged writes lost; 2 keys in conflict; converged 1.2 s after the heal",
            ])
        verdict.isLinearizable = false
        verdict.violations = (1...25).map { "violation \($0)" }
        let lines = summary(verdict).conclusion
        #expect(lines[0].hasPrefix("app-cp: NOT linearizable"))
        #expect(lines.count == 23 && lines[2] == "VIOLATED: violation 1" && lines[22] == "and 5 more violations")
    }

    @Test func theIndexLinksEachReportAndEscapesText() {
        let rows = [
            ReportIndex.Row(name: "west-cut", title: "a < b & c", summary: summary(.init(isLinearizable: true))),
            ReportIndex.Row(name: "failed", title: "-", summary: nil),
        ]
        let page = String(decoding: ReportIndex(rows: rows).html, as: UTF8.self)
        #expect(page.contains(#"<a href="west-cut.html">west-cut</a>"#) && page.contains("a &lt; b &amp; c"))
        #expect(page.contains("<td>50 %</td><td>-</td><td>yes</td><td>0 of 0</td><td>not seen</td>"))
        #expect(page.contains("<td>not played</td>") && !page.contains(#"href="failed.html""#))
    }

    @Test func theBarGrowsWithTheTimeAndFitsOneLine() {
        #expect(DrillProgress.bar(atMs: 0, of: 60_000, "") == "[\(String(repeating: "-", count: 30))] 0 of 60 s  ")
        let half = DrillProgress.bar(atMs: 30_500, of: 60_000, "cut west")
        #expect(half.hasPrefix("[###############---") && half.hasSuffix("] 30 of 60 s  cut west"))
        #expect(DrillProgress.bar(atMs: 90_000, of: 60_000, String(repeating: "x", count: 99)).count == 79)
    }

    @Test func replicasHaveConvergedWhenTheyCoverWhatAnyHadAtTheHeal() {
        func vectors(_ counters: [String: UInt64]) -> [String: VersionVector] {
            counters.mapValues { VersionVector([Array("g1".utf8): $0]) }
        }
        let heal = [vectors(["a": 5, "b": 1]), vectors(["a": 3])]
        #expect(ReplicationProbe.isCovered(heal, by: [vectors(["a": 5, "b": 1]), vectors(["a": 6, "b": 1])]))
        #expect(!ReplicationProbe.isCovered(heal, by: [vectors(["a": 5, "b": 1]), vectors(["a": 4, "b": 1])]))
        #expect(!ReplicationProbe.isCovered(heal, by: [vectors(["a": 5, "b": 1]), vectors(["a": 5])]))
        // A collected key is on no replica.
        #expect(ReplicationProbe.isCovered(heal, by: [vectors(["a": 5]), vectors(["a": 5])]))
    }
}
