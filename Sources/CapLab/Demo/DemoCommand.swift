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

    @Option(help: "Milliseconds to wait before each step; 3000 on a terminal, else none.")
    var pauseMs: UInt64?

    @Option(help: "Milliseconds that convergence and recovery may take: breakers, backoff and polling together.")
    var patienceMs: UInt64 = 30_000

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
            guard patienceMs <= 600_000, pauseMs ?? 0 <= 600_000 else {
                throw LabError("ten minutes (600000) are the most", exitCode: 2)
            }
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
        let stepPauseMs = pauseMs ?? (isatty(1) == 1 ? 3_000 : 0)
        say("Starting six redis-servers and four services on free ports ...")
        let code = LabHost.run(settings, environment: environment) { lab in
            let walk = Walk(lab, curl: curl, stepPauseMs: stepPauseMs, patienceMs: patienceMs)
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
