import ArgumentParser
import Consistent
import Service

/// `app-cp`: prefers consistency.
@main
struct AppCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app-cp",
        abstract: "A linearizable key-value service over independent Redis replicas (CASPaxos).",
        discussion: "Settings come from the environment or a .env file; --check-config lists them.",
        version: ServiceVersion.current, subcommands: [Serve.self, Init.self, Members.self, Backup.self],
        defaultSubcommand: Serve.self)

    static func main() async { await runCommand(Self.self) }
}

extension AppCP {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT (the default).")

        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = await options.loadSettings(CPSettings.init)
            await ServiceRunner(settings: settings.service).run(scripts: ConsistentScripts.all) {
                group, reactor, metrics, _ in
                let events = ConsistentMetrics(metrics)
                let engine = ConsistentEngine(
                    group: group, scheduler: reactor, settings: settings.engine, events: events)
                return ConsistentService(engine: engine)
            }
        }
    }
}

/// All settings of `app-cp`.
struct CPSettings: Sendable {
    let service: ServiceSettings
    let engine: ConsistentSettings

    init(from reader: inout SettingsReader) throws(SettingError) {
        service = try ServiceSettings(mode: .cp, from: &reader)
        var engine = ConsistentSettings()
        engine.groupName = service.group
        engine.maxPending = try reader.integer(
            "CP_MAX_PENDING", default: 10_000, in: 1...1_000_000,
            help: "Changes that wait for a round; above it 503 overloaded.")
        engine.maxBatch = try reader.integer(
            "CP_MAX_BATCH", default: 128, in: 1...10_000, help: "Changes of one key in one round.")
        engine.readHedgeMs = try reader.integer(
            "CP_READ_HEDGE_MS", default: 5, in: 0...10_000,
            help: "A read asks the nearest majority first, and the others after this delay, in milliseconds.")
        engine.probeTimeoutMs = max(engine.probeTimeoutMs, service.redis.callTimeoutMs + 50)
        self.engine = engine
    }
}
