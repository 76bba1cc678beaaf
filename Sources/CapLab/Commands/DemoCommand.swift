import ArgumentParser
import Glibc

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Demonstrates the CAP trade-off: cut, conflict, heal.",
        discussion: "Exits with 0 if every answer was as described, with 1 if one differed.")

    @Option(help: "Services listen on this plus 1, 2, 11 and 12. Default: any free ports.")
    var portBase: UInt16?

    @Option(help: "Milliseconds to wait before each step, at most 600000. Default: 3000 on a terminal, else 0.")
    var pauseMs: UInt64?

    @Option(help: "Milliseconds that convergence and recovery may take, at most 600000.")
    var patienceMs: UInt64 = 30_000

    @OptionGroup var services: ServiceOptions

    /// The `MAX_STALENESS_MS` of the demo. It is low, so that a reader need not wait long for an answer that is marked
    /// stale.
    static let maxStalenessMs = 2_000

    func validate() throws {
        guard patienceMs <= 600_000 else { throw ValidationError("--patience-ms must be at most 600000") }
        guard pauseMs ?? 0 <= 600_000 else { throw ValidationError("--pause-ms must be at most 600000") }
    }

    func run() throws {
        var settings = LabSettings(runDirectory: "/tmp/caplab-demo-\(getpid())")
        settings.ports.base = portBase
        settings.programs.serviceEnvironment["MAX_STALENESS_MS"] = "\(Self.maxStalenessMs)"
        try exitOnError { () throws(LabError) in try services.apply(to: &settings) }
        let style = TextStyle(environment: settings.environment)
        let stepPauseMs = pauseMs ?? (isatty(1) == 1 ? 3_000 : 0)
        say("Starting six redis-servers and four services ...")
        let code = LabHost.run(settings) { lab in
            let tour = Tour(lab, style: style, stepPauseMs: stepPauseMs, patienceMs: patienceMs)
            do throws(LabError) {
                try await tour.play()
                return tour.conclude()
            } catch {
                complain("caplab: \(error.message)")
                return error == .interrupted ? 130 : 1
            }
        }
        throw ExitCode(code)
    }
}
