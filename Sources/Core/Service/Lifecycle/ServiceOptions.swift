import ArgumentParser
import Glibc

/// The options that both services have, and what they share before they serve.
public struct ServiceOptions: ParsableArguments {
    @Flag(name: .customLong("check-config"), help: "Print every setting in force with its source, and exit.")
    public var isCheckOnly = false

    @Option(
        name: .customLong("env-file"), help: "File of NAME=value lines; the environment wins over it. Default: .env")
    public var envFile: String?

    public init() {}

    /// Reads the settings. Prints one line and ends the process with code 2 where one is wrong.
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

/// Parses the command line; a bad one is one line on standard error and exit code 2, as for a bad setting.
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
