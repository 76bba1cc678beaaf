import EventLoop

/// The addresses of a pair that this program did not start.
struct WatchedPairSettings: Sendable {
    /// The address of each node.
    var addresses: [String: NodeAddress]
    /// The ports on loopback at which readers of the page reach services, if they differ from ``addresses``.
    var publishedPorts: [String: UInt16] = [:]
    var redisLogin: RedisLogin
    /// How to use the services.
    var access = ServiceAccess()
}

/// A pair that this program did not start, for example in Docker Compose. Its state is known only from the answers of
/// its services and replicas.
final class WatchedPair: ObservedPair {
    private static let intervalMs: UInt64 = 100

    let topology: Topology
    let reactor: Reactor
    let startNs = monotonicNs()
    var redisLogin: RedisLogin { settings.redisLogin }
    private let settings: WatchedPairSettings
    private var faults = SeenFaults()
    private var repeater: Repeater?

    /// - Parameter settings: must have an address for each node.
    init(_ settings: WatchedPairSettings, topology: Topology = .pair, on reactor: Reactor) {
        precondition(topology.nodes.allSatisfy { settings.addresses[$0.name] != nil }, "every node has an address")
        self.settings = settings
        self.topology = topology
        self.reactor = reactor
    }

    func address(of node: Node) -> NodeAddress {
        var address = settings.addresses[node.name]!
        guard node.isService else { return address }
        (address.tls, address.token) = (settings.access.tls, settings.access.token)
        return address
    }

    func curlTarget(of service: Node) -> CurlTarget {
        CurlTarget(
            port: readersPort(of: service) ?? 0, authorityPath: settings.access.tls?.authorityPath,
            tokenPath: settings.access.token?.path)
    }

    func readersPort(of node: Node) -> UInt16? {
        node.isService ? settings.publishedPorts[node.name] ?? address(of: node).port : nil
    }

    var knowsDirections: Bool { false }
    func condition(of node: Node) -> NodeCondition { faults.condition(of: node) }
    func fault(of link: Link) -> LinkFault { faults.fault(of: link) }

    // MARK: Following

    /// Derives the faults of the pair from `observation`, until ``stop()``.
    func follow(_ observation: Observation) {
        repeater = Repeater(everyMs: Self.intervalMs, on: reactor) { [weak self, unowned observation] in
            guard let self else { return }
            faults.note(view(observation), atNs: reactor.nowNs)
        }
        repeater?.start()
    }

    func stop() {
        repeater?.stop()
        repeater = nil
    }

    private func view(_ observation: Observation) -> SeenFaults.View {
        SeenFaults.View(
            silent: Set(topology.nodes.filter { observation.isSilent($0) }.map(\.name)),
            // While a breaker is half open, it is unknown whether the service reaches the replica. In that case, keep
            // the earlier view of the link.
            unreached: Set(
                topology.links.filter { !(observation.reaches($0) ?? !faults.latest.unreached.contains($0)) }))
    }
}
