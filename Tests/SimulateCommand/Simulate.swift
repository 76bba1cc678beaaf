import ArgumentParser
import Linearizability
import Simulator

/// The command `simulate`: runs many seeds of the simulation, or repeats one.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Runs the production engines in virtual time under faults, seed by seed.",
        subcommands: [SimulateCP.self, SimulateAP.self])
}

extension APProfile: ExpressibleByArgument {}
extension CPProfile: ExpressibleByArgument {}
extension CPScenario: ExpressibleByArgument {}

/// The command `simulate ap`.
struct SimulateAP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ap", abstract: "The AP engine: no acknowledged write is lost, and all replicas become the same.")

    @OptionGroup var seeds: SeedOptions
    @Option(help: "Mix of faults.") var profile: APProfile = .mixed

    func run() throws {
        var options = profile.options
        options.operations = seeds.operations
        options.instances = seeds.instances ?? options.instances
        try seeds.run("ap --profile \(profile.rawValue)") { [options] in
            APSimulation(seed: $0, options: options).run()
        }
    }
}

/// The command `simulate cp`.
struct SimulateCP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "The CP engine: every history must be linearizable.")

    @OptionGroup var seeds: SeedOptions
    @Option(help: "Mix of faults.") var profile: CPProfile = .mixed
    @Option(help: "One hand-written schedule instead of random faults.") var scenario: CPScenario?
    @Flag(name: .customLong("directed"), help: "All hand-written schedules, each with this number of seeds.")
    var isDirected = false

    func run() throws {
        if isDirected {
            var failure: (any Error)?
            for scenario in CPScenario.allCases {
                print("\n\(scenario.rawValue)")
                do { try play(scenario) } catch { failure = error }
            }
            if let failure { throw failure }
        } else if let scenario {
            try play(scenario)
        } else {
            var options = profile.options
            options.operations = seeds.operations
            options.instances = seeds.instances ?? options.instances
            try seeds.run("cp --profile \(profile.rawValue)", draw: draw) { [options] in
                CPSimulation(seed: $0, options: options).run()
            }
        }
    }

    private func play(_ scenario: CPScenario) throws {
        try seeds.run("cp --scenario \(scenario.rawValue)", draw: draw) { CPScenarioRun(seed: $0).run(scenario) }
    }

    /// Writes a page with the failing part of the first key that is not linearizable.
    @Sendable private func draw(_ report: SimulationReport<RegisterOperation>) -> String? {
        let checker = LinearizabilityChecker()
        let failing = Set(report.history.map(\.key)).sorted().lazy
            .compactMap { checker.failingPrefix(of: $0, in: report.history) }
        let path = "\(seeds.directory)/simulate-cp-\(report.seed).html"
        guard let part = failing.first,
            (try? Timeline(part).html.write(toFile: path, atomically: true, encoding: .utf8)) != nil
        else { return nil }
        return path
    }
}
