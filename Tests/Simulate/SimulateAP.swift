import ArgumentParser
import Foundation
import Simulation
import Synchronization

/// `simulate ap`.
struct SimulateAP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ap", abstract: "The AP engine: no acknowledged write is lost, and all replicas become the same.")

    @Option(help: "How many seeds.") var seeds: UInt64 = 200
    @Option(name: .customLong("from"), help: "The first seed.") var firstSeed: UInt64 = 1
    @Option(name: .customLong("ops"), help: "Operations of each seed.") var operations: Int = 500
    @Option(help: "Instances of app-ap.") var instances: Int = 2
    @Option(help: "Where the history of a failing seed is written.") var directory: String = "."
    @Flag(name: .customLong("until-violation"), help: "Stop at the first seed that fails.") var isUntilViolation = false
    @Option(help: "Seeds at once.") var jobs: Int = ProcessInfo.processInfo.activeProcessorCount

    func validate() throws {
        guard seeds >= 1, (1...100_000).contains(operations), (1...16).contains(instances), (1...64).contains(jobs)
        else { throw ValidationError("--seeds, --ops, --instances and --jobs must be at least 1") }
    }

    func run() throws {
        var options = APSimulation.Options()
        options.operations = operations
        options.instances = instances
        let fixed = options
        let tally = Mutex(SimulationTally())
        // Worlds share nothing: each lives and dies on the thread that takes its seed.
        DispatchQueue.concurrentPerform(iterations: jobs) { job in
            for seed in stride(from: firstSeed + UInt64(job), to: firstSeed + seeds, by: jobs) {
                if isUntilViolation, tally.withLock({ $0.violations > 0 }) { return }
                let report = APSimulation(seed: seed, options: fixed).run()
                tally.withLock { tally in
                    tally.add(report)
                    if !report.violations.isEmpty { tell(report) }
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

    /// A seed that failed: what, its history, and how to see it again.
    private func tell(_ report: APSimulation.Report) {
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
        print("  again:   simulate ap --from \(report.seed) --seeds 1 --ops \(operations) --instances \(instances)")
    }
}
