import ArgumentParser
import EventLoop
import FoundationEssentials
import Glibc
import Redis
import Replication

/// The command-line options of both services.
public struct ServiceOptions: ParsableArguments {
    @Flag(name: .customLong("check-config"), help: "Print every effective setting with its source, and exit.")
    public var isCheckOnly = false

    @Option(
        name: .customLong("env-file"), help: "File of NAME=value lines; the environment overrides it. Default: .env")
    public var envFile: String?

    public init() {}

    /// Reads the settings. If some are invalid, prints one line for each and exits with code 2; with `--check-config`,
    /// prints all settings and exits.
    /// - Parameter isServing: the settings are for a service, not for an operator's command.
    public func loadSettings<Settings: ProgramSettings>(
        isServing: Bool = false, _ make: (inout SettingsReader) -> Settings
    ) async -> Settings {
        do throws(SettingError) {
            let envFilePath = envFile ?? ".env"
            var reader = try await SettingsReader.standard(envFilePath: envFilePath, isFileRequired: envFile != nil)
            let settings = make(&reader)
            if isServing {
                settings.service.access.exposures.forEach { reader.report($0) }
                do throws(SettingError) { _ = try settings.service.tls.load() } catch { reader.report(error) }
            }
            // The service reads these files again. Here they are read only to report their problems.
            let authentication = settings.service.access.authentication
            do throws(SettingError) {
                _ = try await authentication.credentials(from: try authentication.readFiles())
            } catch { reader.report(error) }
            reader.checkNames(envFilePath: envFilePath, environment: ProcessInfo.processInfo.environment.keys)
            guard reader.problems.isEmpty else {
                fail(reader.problems.map { "bad setting: \($0)" }.joined(separator: "\n"), exitCode: 2)
            }
            guard isCheckOnly else { return settings }
            print(reader.report)
            for secret in settings.service.exposedSecrets { warn("warning: \(secret)") }
            Glibc.exit(0)
        } catch {
            fail("bad setting: \(error)", exitCode: 2)
        }
    }
}

/// The options of an operator's command, which opens its own connections to the replicas.
public struct OperatorOptions: ParsableArguments {
    @OptionGroup public var service: ServiceOptions
    @Option(name: .customLong("timeout-sec"), help: "How long to wait for the replicas, in seconds.")
    public var timeoutSec = 10

    public init() {}

    public func validate() throws {
        guard (1...3_600).contains(timeoutSec) else { throw ValidationError("--timeout-sec must be 1 to 3600") }
    }

    /// Runs `body` on a new reactor, with a new group. `body` must set the group's identity check and then start the
    /// group.
    public func run<Value: Sendable>(
        _ settings: ServiceSettings, scripts: [Script],
        _ body:
            @escaping @Sendable (
                _ group: RedisReplicaGroup, _ reactor: Reactor, _ deadlineNs: UInt64
            ) async -> Value
    ) async throws -> Value {
        signal(SIGPIPE, SIG_IGN)  // hiredis writes with write(2)
        let reactor = try Reactor(name: "operator")
        reactor.start()
        let timeoutNs = UInt64(timeoutSec) * 1_000 * nsPerMs
        return await reactor.perform {
            let group = RedisReplicaGroup(
                reactor: reactor, replicas: settings.replicas, scripts: scripts, settings: settings.redis)
            defer { group.close() }
            return await body(group, reactor, reactor.nowNs + timeoutNs)
        }
    }
}

/// Parses and runs the command line. An invalid one prints one line to standard error and exits with code 2.
public func runCommand<Command: AsyncParsableCommand>(_ type: Command.Type) async {
    AllocatorTuning.apply()
    do {
        var command = try Command.parseAsRoot()
        if var asynchronous = command as? any AsyncParsableCommand {
            try await asynchronous.run()
        } else {
            try command.run()
        }
    } catch {
        let code = Command.exitCode(for: error)
        guard code == .validationFailure else { Command.exit(withError: error) }
        fail("\(Command._commandName): \(Command.message(for: error))", exitCode: 2)
    }
}

/// Prints one line to standard error, without the log, and exits.
public func fail(_ message: String, exitCode: Int32) -> Never {
    warn(message)
    Glibc.exit(exitCode)
}

/// Prints one line to standard error, without the log.
private func warn(_ message: String) { _ = write(STDERR_FILENO, message + "\n", message.utf8.count + 1) }

/// The version in `/health`, `app_build_info` and `--version`.
public enum ServiceVersion {
    public static let current = "0.2.0"
}

/// Settings of glibc's allocator. glibc reads them before a program starts, so the program sets them and executes
/// itself again in the same process.
enum AllocatorTuning {
    private static let tunables = [
        // By default each thread caches seven freed blocks per size. A loop turn with dozens of requests frees and
        // allocates many more, which take the slow path with a lock. A larger cache (some hundred kilobytes) saves
        // about an eighth of the CPU time per request (`make bench-quick`).
        (name: "glibc.malloc.tcache_count", value: 512),
        // Returns freed long values to the kernel. By default glibc stops doing so after the first one, and a burst of
        // long reads leaves a process with hundreds of megabytes.
        (name: "glibc.malloc.mmap_threshold", value: 256 << 10),
        // Setting the threshold above lowers this one to 128 KiB, which the short-lived memory of a turn exceeds.
        (name: "glibc.malloc.trim_threshold", value: 16 << 20),
    ]

    /// Returns if every setting is already in the environment, with any value. Also returns if the program cannot be
    /// executed again, because the service works without these settings.
    static func apply() {
        let present = getenv("GLIBC_TUNABLES").map { String(cString: $0) } ?? ""
        let missing = tunables.filter { !present.contains($0.name) }.map { "\($0.name)=\($0.value)" }
        guard !missing.isEmpty else { return }
        // With the real path the process keeps its name in `ps`.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { return }
        setenv("GLIBC_TUNABLES", ((present.isEmpty ? [] : [present]) + missing).joined(separator: ":"), 1)
        execv(path, CommandLine.unsafeArgv)
    }
}
