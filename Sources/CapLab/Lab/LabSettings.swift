import FoundationEssentials

/// The settings of a lab.
struct LabSettings: Sendable {
    /// The directory for the control socket and the lock.
    let runDirectory: String
    var ports = LabPorts()
    var programs = ProgramSettings()
    /// The directory for data and logs. Nil: a temporary directory, which is removed at the end.
    var dataDirectory: String?
    /// True if services connect to their replicas without relays, for measurements. Then no link can be cut.
    var isDirect = false
    /// A deliberate bug that is put in front of one service, see ``BugProxy``.
    var bug: LabBug?
    /// The token of the lab's clients, if ``ProgramSettings/serviceEnvironment`` makes the services require one.
    var token: ServiceToken?
    /// True if a person runs the lab. Then services inherit its environment, and the lab prints a message when a
    /// process ends that the lab did not stop.
    var isInteractive = false
    let environment = ProcessInfo.processInfo.environment
}

/// How a lab starts the programs of its nodes.
struct ProgramSettings: Sendable {
    /// The directory of `app-cp` and `app-ap`. Nil: the directory of this program.
    var binDirectory: String?
    /// True if the services serve HTTPS with a certificate that the lab makes.
    var hasTLS = false
    /// Further settings of the services. The lab's own settings take precedence, except for `SECRET_KEY`.
    var serviceEnvironment: [String: String] = [:]
    /// Further configuration lines for the redis-servers of a group, such as `appendfsync no`.
    var redisArguments: [GroupName: [String]] = [:]
    /// Nodes whose clocks can be set, see ``SteppedClock``.
    var clockNodes: Set<String> = []
}

/// The ports that a lab must use. Everything else uses any free port.
struct LabPorts: Sendable {
    /// Whether the lab serves a page, see ``LabPage``.
    enum Page: Sendable {
        case none
        /// Nil: the port base, or any free port if there is no port base.
        case served(port: UInt16?)
    }

    /// Each service listens on this port plus its offset (1, 2, 11, 12). Nil: services listen on any free ports.
    var base: UInt16?
    /// Ports of single nodes. They take precedence over ``base``.
    var byNode: [String: UInt16] = [:]
    var page = Page.none

    var hasPage: Bool {
        if case .served = page { true } else { false }
    }

    /// The port that the page must use; nil if it uses any free port, or if there is no page.
    var pagePort: UInt16? {
        guard case .served(let port) = page else { return nil }
        return port ?? base
    }

    /// The ports of the nodes that must use a certain port, by name.
    /// - Throws: if ``byNode`` contains an unknown node, a port is too high, or two nodes, or a node and the page, have
    ///   the same port.
    func required(in topology: Topology) throws(LabError) -> [String: UInt16] {
        for name in byNode.keys { _ = try topology.find(name) }
        var required = byNode
        if let base {
            for node in topology.services {
                guard case .service(let offset) = node.role else { continue }
                let (port, isTooHigh) = base.addingReportingOverflow(offset)
                guard !isTooHigh else { throw LabError("port base \(base) is too high", exitCode: 2) }
                required[node.name] = required[node.name] ?? port
            }
        }
        let all = Array(required.values) + (pagePort.map { [$0] } ?? [])
        guard Set(all).count == all.count else { throw LabError("two nodes have the same port", exitCode: 2) }
        return required
    }
}
