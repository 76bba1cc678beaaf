import ArgumentParser
import FoundationEssentials

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Serves a read-only lab page of a pair that runs elsewhere, such as in Docker Compose.",
        discussion: """
            Polls services and replicas, and shows their answers. A link is shown as unreachable if its service \
            reports that it cannot use the replica. The page shows neither messages nor which direction of a link is \
            lost. While the page is open, its key is read at each service once per second.

            The password of the replicas comes from REDIS_PASSWORD, or from the file that REDIS_PASSWORD_FILE names. If \
            the services need a token, it comes from a file; its scopes must be read and metrics. Anybody who reaches the \
            page sees what the token permits to read.
            """)

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Where a node listens; for each node.", valueName: "node=host:port"))
    var node: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("The port of a service on this machine, for its readers.", valueName: "service=port"))
    var published: [String] = []

    @Option(help: "The user of the replicas. Default: their default user.")
    var redisUser: String?

    @Option(
        help: ArgumentHelp("The token for the services. Default: \(ServiceToken.variable).", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The services serve HTTPS, with certificates for the hosts of --node that an authority in this file (PEM) "
                + "signed.", valueName: "file"))
    var ca: String?

    @Option(help: "The page is served on this port.")
    var pagePort: UInt16 = 5_000

    @Option(help: "The port on this machine where readers open the page. Default: the page's port.")
    var publishedPagePort: UInt16?

    @Option(help: "The address that the page listens on. It answers only requests for a name of this machine.")
    var bind = "127.0.0.1"

    @Option(help: "The commands that the page shows in place of buttons: compose or caplab.")
    var commands: ShownCommands.Tool = .compose

    @Option(help: "The key that the page shows first.")
    var key = LabPage.firstKey

    func run() throws {
        let pair = try exitOnError { () throws(LabError) in try pairSettings(ProcessInfo.processInfo.environment) }
        let page = try exitOnError(pageSettings)
        throw ExitCode(WatchHost.run(pair, page))
    }

    func pairSettings(_ environment: [String: String]) throws(LabError) -> WatchedPairSettings {
        let topology = Topology.pair
        var addresses: [String: NodeAddress] = [:]
        for (name, value) in try assignments(node, option: "--node") {
            _ = try topology.find(name)
            guard let address = NodeAddress(value) else {
                throw LabError("--node \(name)=\(value): '\(value)' is not HOST:PORT", exitCode: 2)
            }
            addresses[name] = address
        }
        let missing = topology.nodes.filter { addresses[$0.name] == nil }.map(\.name)
        guard missing.isEmpty else {
            throw LabError("no address for \(missing.joined(separator: ", ")); add --node NODE=HOST:PORT", exitCode: 2)
        }
        var settings = WatchedPairSettings(
            addresses: addresses,
            redisLogin: RedisLogin(user: redisUser, password: try Self.password(environment)),
            access: ServiceAccess(
                token: try ServiceToken.read(tokenFile, environment),
                tls: try ca.map { path throws(LabError) in try ServiceTLS(authorityPath: path) }))
        for (name, value) in try assignments(published, option: "--published") {
            guard try topology.find(name).isService, let port = UInt16(value), port > 0 else {
                throw LabError("--published \(name)=\(value): write it as SERVICE=PORT", exitCode: 2)
            }
            settings.publishedPorts[name] = port
        }
        return settings
    }

    func pageSettings() throws(LabError) -> PageSettings {
        guard pagePort != 0, publishedPagePort != 0 else { throw LabError("'0' is not a port", exitCode: 2) }
        guard (1...AskRequest.maxKeyBytes).contains(key.utf8.count) else {
            throw LabError("--key: a key has 1 to \(AskRequest.maxKeyBytes) bytes", exitCode: 2)
        }
        return PageSettings(
            address: PageAddress(host: bind, port: pagePort, publishedPort: publishedPagePort), isReadOnly: true,
            commands: ShownCommands(tool: commands), hasMessages: false, firstKey: key)
    }

    /// Reads the password as the services do: one line end at the end of the file is not part of the password.
    private static func password(_ environment: [String: String]) throws(LabError) -> String {
        guard let path = environment["REDIS_PASSWORD_FILE"], !path.isEmpty else {
            return environment["REDIS_PASSWORD"] ?? ""
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw LabError("cannot read REDIS_PASSWORD_FILE \(path)", exitCode: 2)
        }
        return text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

extension ShownCommands.Tool: ExpressibleByArgument {}
