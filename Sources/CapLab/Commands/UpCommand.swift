import ArgumentParser
import FoundationEssentials

struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts the pair and runs it until Ctrl-C; then stops it and removes its data.")

    @OptionGroup var place: RunDirectoryOption

    @Option(help: "Services listen on this plus 1, 2, 11 and 12.")
    var portBase: UInt16 = 5_000

    @Flag(help: "Any free ports instead.")
    var freePorts = false

    @Option(name: .customLong("port"), help: ArgumentHelp("The port of one node.", valueName: "node=port"))
    var ports: [String] = []

    @Option(help: "LOG_LEVEL of the services.")
    var logLevel: String?

    @Option(help: "Keep data and logs in this directory instead of a temporary one.")
    var dataDir: String?

    @Option(help: "Where app-cp and app-ap are; beside caplab if not given.")
    var binDir: String?

    @Option(
        name: .customLong("service-env"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of all services.", valueName: "key=value"))
    var serviceEnvironment: [String] = []

    @Option(
        name: .customLong("redis-cp-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the CP redis-servers, as '--appendfsync no'.", valueName: "setting"))
    var redisCPArguments: [String] = []

    @Option(
        name: .customLong("redis-ap-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("The same for the AP redis-servers.", valueName: "setting"))
    var redisAPArguments: [String] = []

    @Flag(help: "Connect services to their replicas without relays: for measuring. Nothing can be cut then.")
    var direct = false

    func settings() throws(LabError) -> LabSettings {
        var settings = LabSettings(runDirectory: place.path)
        settings.portBase = freePorts ? nil : portBase
        for text in ports {
            let (name, value) = try Self.pair(text, option: "--port")
            guard let port = UInt16(value), port > 0 else {
                throw LabError("--port \(text): '\(value)' is no port", exitCode: 2)
            }
            settings.ports[name] = port
        }
        settings.logLevel = logLevel
        settings.dataDirectory = dataDir
        settings.binDirectory = binDir
        for text in serviceEnvironment {
            let (name, value) = try Self.pair(text, option: "--service-env")
            settings.serviceEnvironment[name] = value
        }
        guard redisCPArguments.count <= 16, redisAPArguments.count <= 16 else {
            throw LabError("at most 16 settings of redis-server", exitCode: 2)
        }
        settings.redisArguments = [
            .cp: try redisCPArguments.map(Self.directive), .ap: try redisAPArguments.map(Self.directive),
        ]
        settings.isDirect = direct
        return settings
    }

    static func pair(_ text: String, option: String) throws(LabError) -> (String, String) {
        guard let middle = text.firstIndex(of: "="), middle != text.startIndex else {
            throw LabError("\(option) \(text): write it as NAME=VALUE", exitCode: 2)
        }
        return (String(text[..<middle]), String(text[text.index(after: middle)...]))
    }

    /// As on redis-server's command line, or as in its configuration: both without the dashes are the same line.
    private static func directive(_ text: String) throws(LabError) -> String {
        let line = text.hasPrefix("--") ? String(text.dropFirst(2)) : text
        guard !line.isEmpty, line.utf8.count <= 1_024, !line.contains(where: \.isNewline) else {
            throw LabError("a setting of redis-server is one line of at most 1024 bytes", exitCode: 2)
        }
        return line
    }

    func run() throws {
        let settings: LabSettings
        do {
            settings = try self.settings()
        } catch {
            complain("caplab: \(error.message)")
            throw ExitCode(error.exitCode)
        }
        let standardPath = RunDirectory.standardPath(ProcessInfo.processInfo.environment)
        let option = settings.runDirectory == standardPath ? "" : " --run-dir \(settings.runDirectory)"
        let code = LabHost.run(settings, environment: ProcessInfo.processInfo.environment) { lab in
            say(Welcome.page(lab, option: option))
            await lab.untilStopRequested()
            say("stopping (\(lab.stopReason))")
            return 0
        }
        throw ExitCode(code)
    }
}
