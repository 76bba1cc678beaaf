import ArgumentParser
import FoundationEssentials

/// Further settings of all services, of every command that starts a lab.
struct ServiceOptions: ParsableArguments {
    @Option(
        name: .customLong("service-env"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of all services.", valueName: "key=value"))
    var given: [String] = []

    func environment() throws(LabError) -> [String: String] {
        var environment: [String: String] = [:]
        for text in given {
            let (name, value) = try UpCommand.pair(text, option: "--service-env")
            environment[name] = value
        }
        return environment
    }
}

struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts the pair and runs it until Ctrl-C; then stops it and removes its data.")

    @OptionGroup var place: RunDirectoryOption

    @Option(help: "Services listen on this plus 1, 2, 11 and 12.")
    var portBase: UInt16 = 5_000

    @Flag(help: "Use any free ports instead.")
    var freePorts = false

    @Option(name: .customLong("port"), help: ArgumentHelp("The port of one node.", valueName: "node=port"))
    var ports: [String] = []

    @Option(help: "LOG_LEVEL of the services.")
    var logLevel: String?

    @Option(help: "Keep data and logs in this directory instead of a temporary one.")
    var dataDir: String?

    @Option(help: "Where app-cp and app-ap are. Default: beside caplab.")
    var binDir: String?

    @OptionGroup var services: ServiceOptions

    @Option(
        name: .customLong("redis-cp-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the CP redis-servers, e.g. '--appendfsync no'.", valueName: "setting"))
    var redisCPArguments: [String] = []

    @Option(
        name: .customLong("redis-ap-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the AP redis-servers.", valueName: "setting"))
    var redisAPArguments: [String] = []

    @Flag(help: "Connect services to their replicas without relays, for measuring. Nothing can be cut then.")
    var direct = false

    func settings() throws(LabError) -> LabSettings {
        var settings = LabSettings(runDirectory: place.path)
        settings.portBase = freePorts ? nil : portBase
        for text in ports {
            let (name, value) = try Self.pair(text, option: "--port")
            guard let port = UInt16(value), port > 0 else {
                throw LabError("--port \(text): '\(value)' is not a port", exitCode: 2)
            }
            settings.ports[name] = port
        }
        settings.logLevel = logLevel
        settings.dataDirectory = dataDir
        settings.binDirectory = binDir
        settings.serviceEnvironment = try services.environment()
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

    /// Accepts a setting as on redis-server's command line and as in its configuration file: without the dashes they are equal.
    private static func directive(_ text: String) throws(LabError) -> String {
        let line = text.hasPrefix("--") ? String(text.dropFirst(2)) : text
        guard !line.isEmpty, line.utf8.count <= 1_024, !line.contains(where: \.isNewline) else {
            throw LabError("a setting of redis-server is one line of at most 1024 bytes", exitCode: 2)
        }
        return line
    }

    func run() throws {
        let settings = try exitOnError(self.settings)
        let environment = ProcessInfo.processInfo.environment
        let option = place.path == RunDirectory.standardPath(environment) ? "" : " --run-dir \(place.path)"
        let code = LabHost.run(settings, environment: environment) { lab in
            say(Self.welcome(lab, option: option))
            await lab.untilStopRequested()
            say("stopping (\(lab.stopReason))")
            return 0
        }
        throw ExitCode(code)
    }

    /// - Parameter option: what other commands need to find this lab, after a space; empty in the standard place, the only one
    ///   where `make` looks.
    private static func welcome(_ lab: Lab, option: String) -> String {
        func url(_ name: String) -> String { "http://127.0.0.1:\(lab.ports[name] ?? 0)" }
        func command(_ target: String, _ words: String) -> String {
            option.isEmpty ? "make \(target)" : "\(CommandLine.arguments[0]) \(words)\(option)"
        }
        let end = lab.settings.dataDirectory == nil ? "removes its data" : "keeps its data"
        let lines =
            ["The pair is running. Ctrl-C stops it and \(end).", ""]
            + Drawing.sites(lab.topology, ports: lab.ports, fault: { _ in .none })
            + [
                "",
                "Write and read, consistent and available:",
                "   curl -X POST \(url("app_cp"))/write/color/green",
                "   curl \(url("app_cp_west"))/read/color",
                "   curl -X POST \(url("app_ap"))/write/color/green",
                "   curl \(url("app_ap_west"))/read/color",
                "",
                "From a second terminal:",
                "   \(command("partition", "partition west"))    cut the two sites from each other",
                "   \(command("status", "status"))       show processes and links",
                "   \(command("heal", "heal"))         heal every cut",
                "   \(CommandLine.arguments[0]) --help    for one-way cuts, slow links, kill, pause and more",
                "",
                "Logs: \(lab.dataPath)/logs",
            ]
        return lines.joined(separator: "\n")
    }
}
