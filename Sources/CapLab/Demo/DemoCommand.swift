import ArgumentParser
import FoundationEssentials
import Glibc

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Plays the CAP trade-off by itself, on free ports: cut, conflict, heal.",
        discussion: "Ends with 0 if everything was as told, with 1 if a step differed.")

    @Option(help: "Where app-cp and app-ap are; beside caplab if not given.")
    var binDir: String?

    @Option(help: "Milliseconds to wait before each step; two seconds on a terminal, else none.")
    var pauseMs: UInt64?

    @Option(
        name: .customLong("service-env"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of all services.", valueName: "key=value"))
    var serviceEnvironment: [String] = []

    /// So that a reader need not wait long for an answer to be called stale.
    static let maxStalenessMs = 2_000

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let curl: String
        var settings = LabSettings(runDirectory: "/tmp/caplab-demo-\(getpid())")
        do throws(LabError) {
            curl = try Executables.inPath("curl", environment)
            settings.serviceEnvironment["MAX_STALENESS_MS"] = "\(Self.maxStalenessMs)"
            for text in serviceEnvironment {
                let (name, value) = try UpCommand.pair(text, option: "--service-env")
                settings.serviceEnvironment[name] = value
            }
        } catch {
            complain("caplab: \(error.message)")
            throw ExitCode(error.exitCode)
        }
        settings.portBase = nil
        settings.binDirectory = binDir
        settings.inheritsEnvironment = false
        settings.reportsExits = false
        let stepPauseMs = pauseMs ?? (isatty(1) == 1 ? 2_000 : 0)
        say("Starting six redis-servers and four services on free ports ...")
        let code = LabHost.run(settings, environment: environment) { lab in
            let walk = Walk(lab, curl: curl, stepPauseMs: stepPauseMs)
            do throws(LabError) {
                try await walk.play()
                return walk.conclude()
            } catch {
                complain("caplab: \(error.message)")
                return error == .interrupted ? 130 : 1
            }
        }
        throw ExitCode(code)
    }
}
