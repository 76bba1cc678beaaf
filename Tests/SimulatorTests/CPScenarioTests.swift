import Simulator
import Testing

@Suite(.timeLimit(.minutes(20))) struct CPScenarioTests {
    @Test(arguments: CPScenario.allCases) func everyScenarioRunsAndViolatesNothing(
        scenario: CPScenario
    ) {
        for seed in UInt64(1)...2 {
            let report = CPScenarioRun(seed: seed).run(scenario)
            #expect(report.violations.isEmpty, "\(scenario.rawValue), seed \(seed)")
            #expect(report.undecided.isEmpty, "\(scenario.rawValue), seed \(seed)")
        }
    }
}
