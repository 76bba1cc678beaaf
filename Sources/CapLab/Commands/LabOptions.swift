import ArgumentParser

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

/// The ports of a lab.
struct PortOptions: ParsableArguments {
    @Option(help: "Services listen on this plus 1, 2, 11 and 12.")
    var portBase: UInt16 = 5_000

    @Flag(help: "Use any free ports instead.")
    var freePorts = false

    @Option(name: .customLong("port"), help: ArgumentHelp("The port of one node.", valueName: "node=port"))
    var given: [String] = []

    func byNode() throws(LabError) -> [String: UInt16] {
        var ports: [String: UInt16] = [:]
        for text in given {
            let (name, value) = try UpCommand.pair(text, option: "--port")
            guard let port = UInt16(value), port > 0 else {
                throw LabError("--port \(text): '\(value)' is not a port", exitCode: 2)
            }
            ports[name] = port
        }
        return ports
    }
}

/// Further settings of the redis-servers.
struct RedisOptions: ParsableArguments {
    @Option(
        name: .customLong("redis-cp-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the CP redis-servers, e.g. '--appendfsync no'.", valueName: "setting"))
    var redisCPArguments: [String] = []

    @Option(
        name: .customLong("redis-ap-arg"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further setting of the AP redis-servers.", valueName: "setting"))
    var redisAPArguments: [String] = []

    func directives() throws(LabError) -> [GroupName: [String]] {
        guard redisCPArguments.count <= 16, redisAPArguments.count <= 16 else {
            throw LabError("at most 16 settings of redis-server", exitCode: 2)
        }
        return [.cp: try redisCPArguments.map(Self.directive), .ap: try redisAPArguments.map(Self.directive)]
    }

    /// Accepts a setting as on redis-server's command line and as in its configuration file: without the dashes they are equal.
    private static func directive(_ text: String) throws(LabError) -> String {
        let line = text.hasPrefix("--") ? String(text.dropFirst(2)) : text
        guard !line.isEmpty, line.utf8.count <= 1_024, !line.contains(where: \.isNewline) else {
            throw LabError("a setting of redis-server is one line of at most 1024 bytes", exitCode: 2)
        }
        return line
    }
}
