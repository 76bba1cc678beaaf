import ArgumentParser
import Consistent
import EventLoop
import Glibc
import Logging
import Redis
import Service
import Telemetry

/// `app-cp`: prefers consistency.
@main
struct AppCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app-cp",
        abstract: "A linearizable key-value service over independent Redis replicas (CASPaxos).",
        discussion: "Settings come from the environment or a .env file; --check-config lists them.",
        version: ServiceVersion.current, subcommands: [Serve.self, Init.self], defaultSubcommand: Serve.self)

    static func main() async { await runCommand(Self.self) }
}

extension AppCP {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT (the default).")

        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let (settings, report) = await options.loadSettings(CPSettings.init)
            if options.isCheckOnly {
                print(report)
                return
            }
            let code = try await ServiceRunner(settings: settings.service).run { metrics, _ in
                let source = CPMetricsSource(metrics: metrics)
                return EngineFactory(scripts: ConsistentScripts.all) { group, reactor in
                    ConsistentService(
                        engine: ConsistentEngine(group: group, scheduler: reactor, settings: settings.engine),
                        group: group, scheduler: reactor, metrics: source)
                }
            }
            Glibc.exit(code)
        }
    }

    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Make a group of blank replicas, once. Refuses where it would not be safe.")

        @OptionGroup var options: ServiceOptions
        @Option(name: .customLong("timeout-sec"), help: "How long to wait for all replicas, in seconds.")
        var timeoutSec: Int = 10

        func validate() throws {
            guard (1...3_600).contains(timeoutSec) else { throw ValidationError("--timeout-sec must be 1 to 3600") }
        }

        func run() async throws {
            let (settings, report) = await options.loadSettings(CPSettings.init)
            if options.isCheckOnly {
                print(report)
                return
            }
            signal(SIGPIPE, SIG_IGN)
            let reactor = try Reactor(name: "init")
            reactor.start()
            let timeoutNs = UInt64(timeoutSec) * 1_000 * nsPerMs
            let result = await withUnsafeContinuation { continuation in
                reactor.submit {
                    let group = RedisReplicaGroup(
                        reactor: reactor, replicas: settings.service.replicas, scripts: ConsistentScripts.all,
                        settings: settings.service.redis)
                    let initializer = GroupInitializer(
                        group: group, scheduler: reactor, groupName: settings.service.group)
                    group.start()
                    reactor.spawn {
                        let result = await initializer.run(deadlineNs: reactor.nowNs + timeoutNs)
                        group.close()
                        continuation.resume(returning: result)
                    }
                }
            }
            let names = settings.service.replicas.map(\.name).joined(separator: ", ")
            switch result {
            case .initialized:
                print("app-cp: the group '\(settings.service.group)' is initialised (\(names))")
            case .alreadyInitialized(let epoch):
                print("app-cp: the group '\(settings.service.group)' is initialised already, in epoch \(epoch)")
            case .refused(let reason):
                StandardError.print("app-cp: init refused: \(reason)")
                Glibc.exit(1)
            }
        }
    }
}

/// All settings of `app-cp`.
struct CPSettings: Sendable {
    let service: ServiceSettings
    let engine: ConsistentSettings

    init(from reader: inout SettingsReader) throws(SettingError) {
        service = try ServiceSettings(mode: .cp, from: &reader, coreCount: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        var engine = ConsistentSettings()
        engine.groupName = service.group
        engine.maxPending = try reader.integer(
            "CP_MAX_PENDING", default: 10_000, in: 1...1_000_000,
            help: "Changes waiting in an event loop; past it 503 overloaded.")
        engine.maxBatch = try reader.integer(
            "CP_MAX_BATCH", default: 128, in: 1...10_000, help: "Changes of one key in one round.")
        engine.readHedgeMs = UInt64(
            try reader.integer(
                "CP_READ_HEDGE_MS", default: 5, in: 0...10_000,
                help: "A read asks the nearest majority first, and the others after this time, in milliseconds."))
        self.engine = engine
    }
}
