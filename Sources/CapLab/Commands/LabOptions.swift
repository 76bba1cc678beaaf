import ArgumentParser

/// The options about services, for every command that starts a lab.
struct ServiceOptions: ParsableArguments {
    @Flag(help: "The services serve HTTPS, with a certificate that is made for this run.")
    var tls = false

    @Option(help: "Where app-cp and app-ap are. Default: beside caplab.")
    var binDir: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of all services.", valueName: "key=value"))
    var serviceEnv: [String] = []

    @Option(
        help: ArgumentHelp(
            "The token of the lab's clients, if AUTH_TOKENS_FILE or another setting makes services require one. "
                + "It needs all four scopes. Default: \(ServiceToken.variable).", valueName: "file"))
    var tokenFile: String?

    func apply(to settings: inout LabSettings) throws(LabError) {
        settings.token = try ServiceToken.read(tokenFile, settings.environment)
        settings.programs.hasTLS = tls
        settings.programs.binDirectory = binDir
        for (name, value) in try assignments(serviceEnv, option: "--service-env") {
            settings.programs.serviceEnvironment[name] = value
        }
    }
}

/// The options about the ports of a lab and its page.
struct PortOptions: ParsableArguments {
    @Option(help: "The page is served on this port; services listen on this plus 1, 2, 11 and 12.")
    var portBase: UInt16 = 5_000

    @Option(help: "The page is served here. Default: the port base.")
    var pagePort: UInt16?

    @Flag(help: "Use any free ports instead.")
    var freePorts = false

    @Option(help: ArgumentHelp("The port of one node.", valueName: "node=port"))
    var port: [String] = []

    func apply(to settings: inout LabSettings) throws(LabError) {
        settings.ports.base = freePorts ? nil : portBase
        guard pagePort != 0 else { throw LabError("--page-port 0: '0' is not a port", exitCode: 2) }
        settings.ports.page = .served(port: pagePort)
        for (name, value) in try assignments(port, option: "--port") {
            guard let port = UInt16(value), port > 0 else {
                throw LabError("--port \(name)=\(value): '\(value)' is not a port", exitCode: 2)
            }
            settings.ports.byNode[name] = port
        }
    }
}

/// The options with further settings of the redis-servers.
struct RedisOptions: ParsableArguments {
    @Option(
        name: .customLong("redis-cp-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the CP redis-servers, e.g. '--appendfsync no'.", valueName: "setting"))
    var redisCPArguments: [String] = []

    @Option(
        name: .customLong("redis-ap-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the AP redis-servers.", valueName: "setting"))
    var redisAPArguments: [String] = []

    func apply(to settings: inout LabSettings) throws(LabError) {
        guard redisCPArguments.count <= 16, redisAPArguments.count <= 16 else {
            throw LabError("at most 16 settings of redis-server", exitCode: 2)
        }
        settings.programs.redisArguments[.cp] = try redisCPArguments.map(Self.directive)
        settings.programs.redisArguments[.ap] = try redisAPArguments.map(Self.directive)
    }

    /// Accepts a setting in either form, that of redis-server's command line or that of its configuration file. Without
    /// the leading dashes, the two forms are the same.
    private static func directive(_ text: String) throws(LabError) -> String {
        let line = text.hasPrefix("--") ? String(text.dropFirst(2)) : text
        guard !line.isEmpty, line.utf8.count <= 1_024, !line.contains(where: \.isNewline) else {
            throw LabError("a setting of redis-server is one line of at most 1024 bytes", exitCode: 2)
        }
        return line
    }
}

/// The options about proxies that the lab puts in front of replicas and services: relays, and a deliberate bug.
struct ProxyOptions: ParsableArguments {
    @Flag(help: "Connect services to their replicas without relays, for measuring. Nothing can be cut then.")
    var direct = false

    @Option(
        name: .customLong("break"),
        help: ArgumentHelp(
            "Puts a deliberate bug in front of one service: \(LabBug.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "bug"))
    var bug: String?

    func apply(to settings: inout LabSettings) throws(LabError) {
        settings.isDirect = direct
        settings.bug = try bug.map { name throws(LabError) in try LabBug(named: name) }
    }
}

/// Parses the values of a repeatable option, each given as NAME=VALUE. If a name occurs twice, the callers use its last
/// value.
func assignments(_ texts: [String], option: String) throws(LabError) -> [(name: String, value: String)] {
    try texts.map { text throws(LabError) in
        guard let middle = text.firstIndex(of: "="), middle != text.startIndex else {
            throw LabError("\(option) \(text): write it as NAME=VALUE", exitCode: 2)
        }
        return (String(text[..<middle]), String(text[text.index(after: middle)...]))
    }
}
