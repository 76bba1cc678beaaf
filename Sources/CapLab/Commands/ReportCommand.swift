import ArgumentParser

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Plays a drill on real processes and writes a report: one HTML file.",
        discussion: """
            A drill is a steady load on both services at both sites, and a list of faults. Each drill starts a lab of its \
            own on free ports. The report replays the run and contains the verdict: availability before, during and after the \
            faults, latency, staleness, whether the consistent service is linearizable, and whether the available service \
            lost acknowledged writes. The data is beside it, as JSON.

            Exits with 0 if every guarantee held, with 1 if one was violated, with 2 for a wrong argument or drill.
            """)

    @Argument(help: "The name of a drill, a file that ends with .yml, or all. See docs/drills.md.")
    var drill: String = "west-cut"

    @Option(help: "The directory of the reports.") var out: String = ".build/reports"

    @Option(help: "The size of a recording, in KiB, 100 to 1600. A smaller one has fewer messages, answers and states.")
    var maxKib: Int = 1_400

    @OptionGroup var services: ServiceOptions

    func validate() throws {
        guard (100...1_600).contains(maxKib) else { throw ValidationError("--max-kib must be from 100 to 1600") }
    }

    func run() throws {
        let code = try exitOnError { () throws(LabError) in
            let runner = ReportRunner(
                drills: try DrillCatalog.drills(drill), directory: Executables.absolute(out), maxBytes: maxKib << 10,
                services: services, writesIndex: drill == "all")
            return try runner.run()
        }
        throw ExitCode(code)
    }
}
