import ArgumentParser
import Available
import EventLoop
import Glibc
import Logging
import Redis
import Service
import Telemetry
import Tracing

/// The program `app-ap`, the store that prefers availability.
@main
struct AppAP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app-ap",
        abstract: "A key-value service over independent Redis replicas that answers while one of them does.",
        discussion: "Settings come from the environment or a .env file; --check-config lists them.",
        version: ServiceVersion.current, subcommands: [Serve.self, Admit.self, TokenCommand.self, ProbeCommand.self],
        defaultSubcommand: Serve.self)

    static func main() async { await runCommand(Self.self) }
}

extension AppAP {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT (the default).")

        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = await options.loadSettings(isServing: true, APSettings.init)
            // An exporter registers its tracer before this; see docs/tracing.md.
            let runner = ServiceRunner(settings: settings.service, tracer: InstrumentationSystem.tracer)
            await runner.run(scripts: AvailableScripts.all) {
                group, reactor, metrics, logger in
                let events = AvailableMetrics(metrics, names: group.replicaNames, logger: logger)
                let engine = AvailableEngine(
                    group: group, scheduler: reactor, settings: settings.engine, events: events)
                return AvailableService(engine: engine, requestTimeoutNs: settings.service.requests.engineTimeoutNs)
            }
        }
    }
}
