import ArgumentParser
import Foundation
import Simulator
import Synchronization

/// The options that the commands of both engines share, and the run of all seeds.
struct SeedOptions: ParsableArguments {
    @Option(help: "Number of seeds.") var seeds: UInt64 = 200
    @Option(name: .customLong("from"), help: "The first seed.") var firstSeed: UInt64 = 1
    @Option(name: .customLong("ops"), help: "Operations per seed.") var operations: Int = 500
    @Option(help: "Instances of the service (default: set by the profile).") var instances: Int?
    @Option(help: "Directory for the history of a failing seed.") var directory: String = "."
    @Flag(name: .customLong("until-violation"), help: "Stop at the first seed that fails.") var isUntilViolation = false
    @Option(help: "Seeds that run concurrently.") var jobs: Int = ProcessInfo.processInfo.activeProcessorCount

    func validate() throws {
        guard seeds >= 1, (1...100_000).contains(operations), (1...16).contains(instances ?? 1), (1...64).contains(jobs)
        else { throw ValidationError("--seeds, --ops, --instances and --jobs must be at least 1") }
    }

    /// Runs all seeds of one kind of world.
    ///
    /// - Parameters:
    ///   - command: the command and its arguments, without the options of this type.
    ///   - draw: writes a page about a failing history, and returns its path; nil if it wrote none.
    func run<Operation>(
        _ command: String, draw: @Sendable (SimulationReport<Operation>) -> String? = { _ in nil },
        world: @Sendable (UInt64) -> SimulationReport<Operation>
    ) throws {
        let tally = Mutex(SimulationTally())
        // Worlds share nothing: each stays on the thread that runs its seed.
        DispatchQueue.concurrentPerform(iterations: jobs) { job in
            for seed in stride(from: firstSeed + UInt64(job), to: firstSeed + seeds, by: jobs) {
                if isUntilViolation, tally.withLock({ $0.violations > 0 }) { return }
                let report = world(seed)
                tally.withLock { tally in
                    tally.add(report)
                    if !report.violations.isEmpty { print(report, "VIOLATION", report.violations, command, draw) }
                    if !report.undecided.isEmpty, !isUntilViolation {
                        print(report, "UNDECIDED", report.undecided, command, draw)
                    }
                    if tally.seeds.isMultiple(of: 250) {
                        FileHandle.standardError.write(Data("simulate: \(tally.seeds) of \(seeds) seeds\n".utf8))
                    }
                }
            }
        }
        let result = tally.withLock { $0 }
        Swift.print(result.table)
        // An undecided seed is not a success. With `--until-violation`, it does not count, because the search is for
        // violations.
        if result.violations > 0 || (result.undecided > 0 && !isUntilViolation) { throw ExitCode(1) }
    }

    /// Prints the reasons of a failing seed and how to reproduce it, and writes its history.
    private func print<Operation>(
        _ report: SimulationReport<Operation>, _ verdict: String, _ reasons: [String], _ command: String,
        _ draw: (SimulationReport<Operation>) -> String?
    ) {
        Swift.print("seed \(report.seed): \(verdict)")
        for reason in reasons { Swift.print("  \(reason)") }
        let path = "\(directory)/simulate-\(command.prefix(2))-\(report.seed).jsonl"
        let encoder = JSONEncoder()
        let lines = report.history.compactMap { try? encoder.encode($0) }.map { String(decoding: $0, as: UTF8.self) }
        do {
            try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            Swift.print("  history: \(path)")
        } catch {
            Swift.print("  history: \(path) could not be written: \(error.localizedDescription)")
        }
        if let drawing = draw(report) { Swift.print("  drawing: \(drawing)") }
        let again = "simulate \(command) --from \(report.seed) --seeds 1 --ops \(operations)"
        Swift.print("  reproduce with: \(again)" + (instances.map { " --instances \($0)" } ?? ""))
    }
}
