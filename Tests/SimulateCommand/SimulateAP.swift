import ArgumentParser
import Foundation
import Simulator
import Synchronization

extension APProfile: ExpressibleByArgument {}

/// `simulate ap`.
struct SimulateAP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ap", abstract: "The AP engine: no acknowledged write is lost, and all replicas become the same.")

    @Option(help: "How many seeds.") var seeds: UInt64 = 200
    @Option(name: .customLong("from"), help: "The first seed.") var firstSeed: UInt64 = 1
    @Option(name: .customLong("ops"), help: "Operations of each seed.") var operations: Int = 500
    @Option(help: "Instances of app-ap; the profile's number if left out.") var instances: Int?
    @Option(help: "Where the history of a failing seed is written.") var directory: String = "."
    @Option(help: "Mix of faults: \(APProfile.allCases.map(\.rawValue).joined(separator: ", ")).")
    var profile: APProfile = .mixed
    @Flag(name: .customLong("until-violation"), help: "Stop at the first seed that fails.") var isUntilViolation = false
    @Option(help: "Seeds at once.") var jobs: Int = ProcessInfo.processInfo.activeProcessorCount

    func validate() throws {
        guard seeds >= 1, (1...100_000).contains(operations), (1...16).contains(instances ?? 1), (1...64).contains(jobs)
        else { throw ValidationError("--seeds, --ops, --instances and --jobs must be at least 1") }
    }

    func run() throws {
        var options = profile.options
        options.operations = operations
        if let instances { options.instances = instances }
        let fixed = options
        let tally = Mutex(SimulationTally())
        // Worlds share nothing: each one stays on the thread that runs its seed.
        DispatchQueue.concurrentPerform(iterations: jobs) { job in
            for seed in stride(from: firstSeed + UInt64(job), to: firstSeed + seeds, by: jobs) {
                if isUntilViolation, tally.withLock({ $0.violations > 0 }) { return }
                let report = APSimulation(seed: seed, options: fixed).run()
                tally.withLock { tally in
                    tally.add(report)
                    if !report.violations.isEmpty { printViolations(of: report) }
                    if tally.seeds.isMultiple(of: 250) {
                        FileHandle.standardError.write(Data("simulate: \(tally.seeds) of \(seeds) seeds\n".utf8))
                    }
                }
            }
        }
        let result = tally.withLock { $0 }
        print(result.table)
        if result.violations > 0 { throw ExitCode(1) }
    }

    /// Prints the violations of a seed, its history, and how to reproduce it.
    private func printViolations(of report: APSimulation.Report) {
        print("seed \(report.seed): VIOLATION")
        for violation in report.violations { print("  \(violation)") }
        let path = "\(directory)/simulate-ap-\(report.seed).jsonl"
        let encoder = JSONEncoder()
        let lines = report.history.compactMap { try? encoder.encode($0) }.map { String(decoding: $0, as: UTF8.self) }
        do {
            try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            print("  history: \(path)")
        } catch {
            print("  history: \(path) could not be written: \(error.localizedDescription)")
        }
        var again = "simulate ap --profile \(profile.rawValue) --from \(report.seed) --seeds 1 --ops \(operations)"
        if let instances { again += " --instances \(instances)" }
        print("  reproduce with: \(again)")
    }
}
