import Linearizability
import Simulator
import Testing

@Suite(.timeLimit(.minutes(20))) struct CPSimulationTests {
    @Test(arguments: UInt64(1)...12) func everyHistoryIsLinearizableUnderFaults(seed: UInt64) {
        var options = CPProfile.mixed.options
        options.operations = 200
        options.meanFaultGapMs = 20
        let report = CPSimulation(seed: seed, options: options).run()
        #expect(report.violations.isEmpty, "seed \(seed)")
        #expect(report.undecided.isEmpty, "seed \(seed)")
        // The run contained faults and changes.
        #expect(report.counts.faults.values.reduce(0, +) > 0)
        #expect(report.history.contains { if case .applied = $0.result { true } else { false } })
    }

    @Test func theSameSeedGivesTheSameHistory() {
        let first = CPSimulation(seed: 77).run()
        let second = CPSimulation(seed: 77).run()
        #expect(first.history == second.history)
        #expect(first.counts.events == second.counts.events)
        #expect(first.history != CPSimulation(seed: 78).run().history)
    }

    @Test func withoutFaultsEveryRequestIsAnswered() {
        var options = CPProfile.mixed.options
        options.faults = []
        let report = CPSimulation(seed: 3, options: options).run()
        #expect(report.violations.isEmpty)
        let answered = report.history.filter { if case .expire = $0.call { false } else { true } }
        #expect(!answered.contains { $0.result == .unknown || $0.result == .notApplied })
    }
}
