import ArgumentParser
import Available
import EventLoop
import Glibc
import Logging
import Redis
import Service
import Telemetry

/// `app-ap`: prefers availability.
@main
struct AppAP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app-ap",
        abstract: "A key-value service over independent Redis replicas that answers while one of them does.",
        discussion: "Settings come from the environment or a .env file; --check-config lists them.",
        version: ServiceVersion.current, subcommands: [Serve.self, Admit.self], defaultSubcommand: Serve.self)

    static func main() async { await runCommand(Self.self) }
}

extension AppAP {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT (the default).")

        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = await options.loadSettings(APSettings.init)
            await ServiceRunner(settings: settings.service).run(scripts: AvailableScripts.all) {
                group, reactor, metrics, logger in
                let events = AvailableMetrics(metrics, names: group.replicaNames, logger: logger)
                let engine = AvailableEngine(
                    group: group, scheduler: reactor, settings: settings.engine, events: events)
                return AvailableService(engine: engine, requestTimeoutNs: settings.service.requestTimeoutNs)
            }
        }
    }
}

/// All settings of `app-ap`.
struct APSettings: Sendable {
    let service: ServiceSettings
    let engine: AvailableSettings

    init(from reader: inout SettingsReader) throws(SettingError) {
        service = try ServiceSettings(mode: .ap, from: &reader)
        if let bad = service.replicas.first(where: { !AvailableSettings.isValidReplicaName($0.name) }) {
            throw SettingError("REPLICAS names '\(bad.name)': app-ap takes letters, digits, '_' and '-'")
        }
        var engine = AvailableSettings(
            groupName: service.group,
            secret: GroupSecret(key: service.secretKey, fallback: service.secretKeyFallback), nodeName: service.nodeID)
        engine.preferredReplicas = service.redis.nearReplicas
        engine.maxStalenessMs = service.maxStalenessMs
        engine.callTimeoutMs = service.redis.callTimeoutMs
        engine.writeAcks = try reader.integer(
            "AP_WRITE_ACKS", default: 1, in: 1...service.replicas.count,
            help: "Replicas that must have a write before it is acknowledged.")
        engine.maxSiblings = try reader.integer(
            "AP_MAX_SIBLINGS", default: 32, in: 1...1_000,
            help: "A write with an old context is rejected if it would leave more concurrent values than this.")
        engine.maxSiblingBytes = try reader.integer(
            "AP_MAX_SIBLING_BYTES", default: 4 << 20, in: 1...(1 << 30),
            help: "The same where they would come to more bytes than this: every read answers with all of them.")
        engine.maxHints = try reader.integer(
            "AP_MAX_HINTS", default: 1_000_000, in: 1...100_000_000,
            help: "Hints that a replica stores for another; beyond that all records are compared instead.")
        engine.probeIntervalMs = try reader.integer(
            "AP_PROBE_INTERVAL_MS", default: 250, in: 20...60_000,
            help: "How often staleness is measured, in milliseconds; in health it is one to two of these.")
        let antiEntropyIntervalSec: UInt64 = try reader.integer(
            "AP_ANTI_ENTROPY_INTERVAL_SEC", default: 600, in: 1...604_800,
            help: "How often all records of all replicas are compared, in seconds.")
        engine.antiEntropyIntervalMs = antiEntropyIntervalSec * 1_000
        let tombstoneGraceSec: Int64 = try reader.integer(
            "AP_TOMBSTONE_GRACE_SEC", default: 604_800, in: 60...315_360_000,
            help: "How long tombstones and expired values are kept, in seconds.")
        engine.tombstoneGraceMs = tombstoneGraceSec * 1_000
        self.engine = engine
    }
}
