import ArgumentParser
import Foundation
import Linearizability
import Simulator
import Synchronization

extension CPProfile: ExpressibleByArgument {}
extension CPScenario: ExpressibleByArgument {}

/// `simulate cp`.
struct SimulateCP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "The CP engine: every history must be linearizable.")

    @Option(help: "Number of seeds.") var seeds: UInt64 = 200
    @Option(name: .customLong("from"), help: "The first seed.") var firstSeed: UInt64 = 1
    @Option(name: .customLong("ops"), help: "Operations per seed.") var operations: Int = 500
    @Option(help: "Instances of app-cp (default: set by the profile).") var instances: Int?
    @Option(help: "Directory for the history of a failing seed.") var directory: String = "."
    @Option(help: "Mix of faults: \(CPProfile.allCases.map(\.rawValue).joined(separator: ", ")).")
    var profile: CPProfile = .mixed
    @Option(
        help:
            "One hand-written schedule instead of random faults: \(CPScenario.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var scenario: CPScenario?
    @Flag(name: .customLong("directed"), help: "All hand-written schedules, each with this number of seeds.")
    var isDirected = false
    @Flag(name: .customLong("until-violation"), help: "Stop at the first seed that fails.") var isUntilViolation = false
    @Option(help: "Seeds that run concurrently.") var jobs: Int = ProcessInfo.processInfo.activeProcessorCount

    func validate() throws {
        guard seeds >= 1, (1...100_000).contains(operations), (1...16).contains(instances ?? 1), (1...64).contains(jobs)
        else { throw ValidationError("--seeds, --ops, --instances and --jobs must be at least 1") }
    }

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
            options.operations = operations
            if let instances { options.instances = instances }
            let fixed = options
            let number = instances.map { " --instances \($0)" } ?? ""
            try play {
                CPSimulation(seed: $0, options: fixed).run()
            } again: {
                "--profile \(profile.rawValue) --from \($0) --seeds 1 --ops \(operations)" + number
            }
        }
    }

    private func play(_ scenario: CPScenario) throws {
        try play {
            CPScenarioRun(seed: $0).run(scenario)
        } again: {
            "--scenario \(scenario.rawValue) --from \($0) --seeds 1"
        }
    }

    /// Runs all seeds of one kind of world.
    private func play(
        _ world: @Sendable (UInt64) -> CPSimulation.Report, again: @Sendable (UInt64) -> String
    ) throws {
        let tally = Mutex(SimulationTally())
        // Worlds share nothing: each stays on the thread that runs its seed.
        DispatchQueue.concurrentPerform(iterations: jobs) { job in
            for seed in stride(from: firstSeed + UInt64(job), to: firstSeed + seeds, by: jobs) {
                if isUntilViolation, tally.withLock({ $0.violations > 0 }) { return }
                let report = world(seed)
                tally.withLock { tally in
                    tally.add(report)
                    if !report.violations.isEmpty { tell(report, "VIOLATION", report.violations, again(seed)) }
                    if !report.undecided.isEmpty, !isUntilViolation {
                        tell(report, "UNDECIDED", report.undecided, again(seed))
                    }
                    if tally.seeds.isMultiple(of: 250) { note("\(tally.seeds) of \(seeds) seeds") }
                }
            }
        }
        let result = tally.withLock { $0 }
        print(result.table)
        // An undecided seed proves nothing; with --until-violation the search continues.
        if result.violations > 0 || (result.undecided > 0 && !isUntilViolation) { throw ExitCode(1) }
    }

    /// Writes a page with the failing part of the first key that is not linearizable.
    private func draw(_ report: CPSimulation.Report) {
        let checker = LinearizabilityChecker()
        let keys = Set(report.history.map(\.key)).sorted()
        for key in keys {
            guard let part = checker.failingPrefix(of: key, in: report.history) else { continue }
            let path = "\(directory)/simulate-cp-\(report.seed).html"
            guard (try? Timeline(part).html.write(toFile: path, atomically: true, encoding: .utf8)) != nil else {
                return
            }
            print("  drawing: \(path)")
            return
        }
    }

    private func note(_ text: String) { FileHandle.standardError.write(Data("simulate: \(text)\n".utf8)) }

    /// Reports a failing seed: the reasons, its history, and how to reproduce it.
    private func tell(_ report: CPSimulation.Report, _ word: String, _ reasons: [String], _ again: String) {
        print("seed \(report.seed): \(word)")
        for reason in reasons { print("  \(reason)") }
        let path = "\(directory)/simulate-cp-\(report.seed).jsonl"
        let encoder = JSONEncoder()
        let lines = report.history.compactMap { try? encoder.encode($0) }.map { String(decoding: $0, as: UTF8.self) }
        do {
            try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            print("  history: \(path)")
        } catch {
            print("  history: \(path) could not be written: \(error.localizedDescription)")
        }
        draw(report)
        print("  reproduce: simulate cp \(again)")
    }
}
