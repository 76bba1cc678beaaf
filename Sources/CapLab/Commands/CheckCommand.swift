import ArgumentParser
import Glibc

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Runs a service at both sites under real faults and checks its guarantees.",
        discussion: """
            Starts a lab of its own on free ports, with concurrent clients. Meanwhile links are cut, stalled, delayed and \
            reset, and redis-servers and services are paused, killed and started. Exits with 0 only if every guarantee held.

            cp: the history must be linearizable, and no increment may be lost.
            ap: every valid request must be answered, no acknowledged write may be lost, and the replicas must converge.

            Writes a report, check-GROUP-report.html, even if every guarantee held. It replays at most the first two minutes.
            """)

    @Argument(help: "The service: cp or ap.") var group: GroupName
    @Option(help: "How long clients and faults run, 1 to 1800.") var seconds: UInt64 = 60
    @Option(help: "Seed of faults and operations. Default: a random one.") var seed: UInt64?
    @Option(help: "Concurrent clients, 1 to 64.") var clients: Int = 12
    @Option(help: "Where the report is written, and the history and timeline of a violation.") var output: String = "."
    @Option(help: "Keep data and logs in this directory instead of a temporary one.") var dataDir: String?
    @OptionGroup var services: ServiceOptions

    func validate() throws {
        guard (1...1_800).contains(seconds) else { throw ValidationError("--seconds must be from 1 to 1800") }
        guard (1...64).contains(clients) else { throw ValidationError("--clients must be from 1 to 64") }
    }

    func run() throws {
        var lab = LabSettings(runDirectory: "/tmp/caplab-check-\(getpid())")
        lab.dataDirectory = dataDir
        try exitOnError { () throws(LabError) in try services.apply(to: &lab) }
        let settings = CheckSettings(
            seconds: seconds, seed: seed ?? UInt64.random(in: 1...999_999), clients: clients, outputDirectory: output,
            showsProgress: isatty(1) == 1)
        say("check \(group.rawValue): \(seconds) s, \(clients) clients, seed \(settings.seed)")
        let code = LabHost.run(lab) { lab in
            await CheckRun(lab, settings, group).run()
        }
        throw ExitCode(code)
    }
}

extension GroupName: ExpressibleByArgument {}
