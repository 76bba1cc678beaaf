import Simulator
import Testing

@Suite(.timeLimit(.minutes(20))) struct APSimulationTests {
    @Test(arguments: UInt64(1)...12) func noAcknowledgedWriteIsLostUnderFaults(seed: UInt64) {
        var options = APProfile.mixed.options
        options.operations = 200
        let report = APSimulation(seed: seed, options: options).run()
        #expect(report.violations.isEmpty, "seed \(seed)")
        // The run contained faults, writes and reads.
        #expect(report.counts.faults.values.reduce(0, +) > 0)
        #expect(report.history.contains { $0.call == .write && $0.result == .ok })
        #expect(report.history.contains { $0.call == .read && $0.stalenessMs != nil })
    }

    @Test(arguments: UInt64(1)...4) func tombstonesAreCollectedAndDeletedKeysStayDeleted(seed: UInt64) {
        let report = APSimulation(seed: seed, options: APProfile.tombstones.options).run()
        #expect(report.violations.isEmpty, "seed \(seed)")
        #expect(report.counts.collected > 0)
    }

    @Test func noTombstoneIsCollectedWhileClocksAreFarAhead() {
        var options = APProfile.ahead.options
        options.operations = 200
        var restores = 0
        for seed in UInt64(1)...4 {
            let report = APSimulation(seed: seed, options: options).run()
            #expect(report.violations.isEmpty, "seed \(seed)")
            #expect(report.counts.faults[.clocksAhead] ?? 0 > 0, "seed \(seed)")
            #expect(report.counts.collected == 0, "seed \(seed)")
            restores += report.counts.faults[.restore] ?? 0
        }
        #expect(restores > 0)
    }

    @Test(arguments: APProfile.allCases) func everyProfileKeepsItsGuarantees(profile: APProfile) {
        let report = APSimulation(seed: 5, options: profile.options).run()
        #expect(report.violations.isEmpty, "\(profile)")
        #expect(report.history.contains { $0.call == .write && $0.result == .ok })
    }

    @Test(arguments: UInt64(1)...4) func withSlowLinksOnlyEveryReadIsAnswered(seed: UInt64) {
        var options = APProfile.staleness.options
        options.faults.kinds = [.slowLink]
        let report = APSimulation(seed: seed, options: options).run()
        #expect(report.violations.isEmpty)
        #expect(report.counts.faults[.slowLink] ?? 0 > 50)
        #expect(report.history.filter { $0.call == .read }.allSatisfy { [.ok, .unmet].contains($0.result) })
    }

    @Test func theSameSeedGivesTheSameHistory() {
        let first = APSimulation(seed: 77).run()
        let second = APSimulation(seed: 77).run()
        #expect(first.history == second.history)
        #expect(first.counts.events == second.counts.events)
        #expect(first.history != APSimulation(seed: 78).run().history)
    }

    @Test func withoutFaultsEveryRequestIsAnswered() {
        var options = APProfile.mixed.options
        options.faults.kinds = []
        options.engine.fewSiblings = 0
        let report = APSimulation(seed: 3, options: options).run()
        #expect(report.violations.isEmpty)
        #expect(report.history.allSatisfy { [.ok, .absent, .unmet].contains($0.result) })
    }
}
