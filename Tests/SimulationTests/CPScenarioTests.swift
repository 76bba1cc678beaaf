import Simulation
import Testing

@Suite struct CPScenarioTests {
    @Test(arguments: CPScenario.allCases) func everyScheduleWrittenByHandComesToPassAndBreaksNothing(
        scenario: CPScenario
    ) {
        for seed in UInt64(1)...2 {
            let report = CPScenarioRun(seed: seed).run(scenario)
            #expect(report.violations.isEmpty, "\(scenario.rawValue), seed \(seed)")
            #expect(report.undecided.isEmpty, "\(scenario.rawValue), seed \(seed)")
        }
    }
}
