import ArgumentParser
import FoundationEssentials
import Glibc

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Runs a service at both sites under real faults and checks its guarantees.",
        discussion: """
            Starts a lab of its own on free ports, with concurrent clients. Meanwhile links are cut, stalled, delayed and \
            reset, and redis-servers and services are paused, killed and started. Exits with 0 only if every guarantee held.
            """,
        subcommands: [CheckCP.self, CheckAP.self])
}

struct CheckOptions: ParsableArguments {
    @Option(help: "How long clients and faults run, 1 to 1800.") var seconds: UInt64 = 60
    @Option(help: "Seed of faults and operations. Default: a random one.") var seed: UInt64?
    @Option(help: "Concurrent clients, 1 to 64.") var clients: Int = 12
    @Option(help: "Where the history and timeline of a violation are written.") var output: String = "."
    @Option(help: "Keep data and logs in this directory instead of a temporary one.") var dataDir: String?
    @Option(help: "Where app-cp and app-ap are. Default: beside caplab.") var binDir: String?
    @OptionGroup var services: ServiceOptions

    func validate() throws {
        guard (1...1_800).contains(seconds) else { throw ValidationError("--seconds must be from 1 to 1800") }
        guard (1...64).contains(clients) else { throw ValidationError("--clients must be from 1 to 64") }
    }

    /// Starts a lab, runs `body` in it, and ends the program with its exit code.
    func run(_ group: GroupName, _ body: @escaping @Sendable (Lab, CheckSettings) async -> Int32) throws {
        var lab = LabSettings(runDirectory: "/tmp/caplab-check-\(getpid())")
        lab.binDirectory = binDir
        lab.dataDirectory = dataDir
        lab.serviceEnvironment = try exitOnError(services.environment)
        let settings = CheckSettings(
            seconds: seconds, seed: seed ?? UInt64.random(in: 1...999_999), clients: clients, outputDirectory: output,
            showsProgress: isatty(1) == 1)
        say("check \(group.rawValue): \(seconds) s, \(clients) clients, seed \(settings.seed)")
        let code = LabHost.run(lab, environment: ProcessInfo.processInfo.environment) { await body($0, settings) }
        throw ExitCode(code)
    }
}

struct CheckCP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "app-cp: every history must be linearizable, and no increment may be lost.")

    @OptionGroup var options: CheckOptions

    func run() throws {
        try options.run(.cp) { lab, settings in await CPCheck(lab, settings).run() }
    }
}

struct CheckAP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ap", abstract: "app-ap: answers always, loses no acknowledged write, and converges.")

    @OptionGroup var options: CheckOptions

    func run() throws {
        try options.run(.ap) { lab, settings in await APCheck(lab, settings).run() }
    }
}
