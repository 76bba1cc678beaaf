import ArgumentParser
import Simulation

/// `simulate`: many seeds of the simulation, and one again.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Runs the production engines in virtual time under faults, seed by seed.",
        subcommands: [SimulateCP.self, SimulateAP.self])
}
