import ArgumentParser
import Simulator

/// `simulate`: runs many seeds of the simulation, or one seed again.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Runs the production engines in virtual time under faults, seed by seed.",
        subcommands: [SimulateCP.self, SimulateAP.self])
}
