import ArgumentParser
import Glibc

/// The command-line options of both services.
public struct ServiceOptions: ParsableArguments {
    @Flag(name: .customLong("check-config"), help: "Print every effective setting with its source, and exit.")
    public var isCheckOnly = false

    @Option(
        name: .customLong("env-file"), help: "File of NAME=value lines; the environment overrides it. Default: .env")
    public var envFile: String?

    public init() {}

    /// Reads the settings. If one is invalid, prints one line and exits with code 2.
    public func loadSettings<Settings>(
        _ make: (inout SettingsReader) throws(SettingError) -> Settings
    ) async -> (settings: Settings, report: String) {
        do throws(SettingError) {
            var reader = try await SettingsReader.standard(
                envFilePath: envFile ?? ".env", isFileRequired: envFile != nil)
            let settings = try make(&reader)
            return (settings, reader.report)
        } catch {
            StandardError.print("bad setting: \(error)")
            Glibc.exit(2)
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
        StandardError.print("\(Command._commandName): \(Command.message(for: error))")
        Glibc.exit(2)
    }
}

/// The version in `/health`, `app_build_info` and `--version`.
public enum ServiceVersion {
    public static let current = "0.2.0"
}
