import ArgumentParser
import Consistent
import Service
import Tracing

/// `app-cp`, the service that prefers consistency to availability.
@main
struct AppCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app-cp",
        abstract: "A linearizable key-value service over independent Redis replicas (CASPaxos).",
        discussion: "Settings come from the environment or a .env file; --check-config lists them.",
        version: ServiceVersion.current,
        subcommands: [
            Serve.self, Init.self, Members.self, Backup.self, TokenCommand.self, ProbeCommand.self,
        ],
        defaultSubcommand: Serve.self)

    static func main() async { await runCommand(Self.self) }
}

extension AppCP {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT (the default).")

        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = await options.loadSettings(isServing: true, CPSettings.init)
            // An exporter registers its tracer before this; see docs/tracing.md.
            let runner = ServiceRunner(settings: settings.service, tracer: InstrumentationSystem.tracer)
            await runner.run(scripts: ConsistentScripts.all) {
                group, reactor, metrics, logger in
                let events = ConsistentMetrics(metrics, names: group.replicaNames, logger: logger)
                let engine = ConsistentEngine(
                    group: group, scheduler: reactor, settings: settings.engine, events: events)
                return ConsistentService(engine: engine)
            }
        }
    }
}
