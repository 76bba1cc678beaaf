import ArgumentParser
import FoundationEssentials
import Glibc

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Drives a service at both sites through real faults, and checks what it promises.",
        discussion: """
            Starts a lab of its own on free ports; concurrent clients, while links are cut, held, slowed and reset, and \
            Redis servers and services are paused, killed and started. Ends with 0 only if every promise held.
            """,
        subcommands: [CheckCP.self, CheckAP.self])
}

struct CheckOptions: ParsableArguments {
    @Option(help: "How long clients and faults go on, 1 to 1800.") var seconds: UInt64 = 60
    @Option(help: "What faults and operations are drawn from; a new one if not given.") var seed: UInt64?
    @Option(help: "Concurrent clients, 1 to 64.") var clients: Int = 12
    @Option(help: "Where a violation's history and drawing are written.") var output: String = "."
    @Option(help: "Keep data and logs in this directory instead of a temporary one.") var dataDir: String?
    @Option(help: "Where app-cp and app-ap are; beside caplab if not given.") var binDir: String?
    @Option(
        name: .customLong("service-env"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of all services.", valueName: "key=value"))
    var serviceEnvironment: [String] = []

    func validate() throws {
        guard (1...1_800).contains(seconds) else { throw ValidationError("--seconds must be from 1 to 1800") }
        guard (1...64).contains(clients) else { throw ValidationError("--clients must be from 1 to 64") }
    }

    /// Starts a lab, runs `body` in it, and ends the program with its exit code.
    func run(_ group: GroupName, _ body: @escaping @Sendable (Lab, CheckSettings) async -> Int32) throws {
        var lab = LabSettings(runDirectory: "/tmp/caplab-check-\(getpid())")
        lab.portBase = nil
        lab.binDirectory = binDir
        lab.dataDirectory = dataDir
        lab.inheritsEnvironment = false
        lab.reportsExits = false
        do throws(LabError) {
            for text in serviceEnvironment {
                let (name, value) = try UpCommand.pair(text, option: "--service-env")
                lab.serviceEnvironment[name] = value
            }
        } catch {
            complain("caplab: \(error.message)")
            throw ExitCode(error.exitCode)
        }
        var settings = CheckSettings()
        settings.seconds = seconds
        settings.seed = seed ?? UInt64.random(in: 1...999_999)
        settings.clients = clients
        settings.outputDirectory = output
        settings.showsProgress = isatty(1) == 1
        let fixed = settings
        say("check \(group.rawValue): \(seconds) s, \(clients) clients, seed \(settings.seed)")
        let code = LabHost.run(lab, environment: ProcessInfo.processInfo.environment) { await body($0, fixed) }
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
        commandName: "ap", abstract: "app-ap: always answers, loses nothing that was acknowledged, and converges.")

    @OptionGroup var options: CheckOptions

    func run() throws {
        try options.run(.ap) { lab, settings in await APCheck(lab, settings).run() }
    }
}
