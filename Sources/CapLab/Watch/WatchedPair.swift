import EventLoop

/// Where the nodes of a pair are that this program did not start.
struct WatchedPairSettings: Sendable {
    /// Of every node.
    var addresses: [String: NodeAddress]
    /// The ports on loopback where readers reach services, if they differ from those in ``addresses``.
    var publishedPorts: [String: UInt16] = [:]
    var redisLogin: RedisLogin
}

/// A pair that this program did not start, for example in Docker Compose. Services and replicas are asked; nothing else
/// is known of it.
final class WatchedPair: ObservedPair {
    private static let intervalMs: UInt64 = 100

    let topology: Topology
    let reactor: Reactor
    let startNs = monotonicNs()
    var redisLogin: RedisLogin { settings.redisLogin }
    private let settings: WatchedPairSettings
    private var faults = SeenFaults()
    private var repeater: Repeater?

    /// - Parameter settings: with an address for each node.
    init(_ settings: WatchedPairSettings, topology: Topology = .pair, on reactor: Reactor) {
        precondition(topology.nodes.allSatisfy { settings.addresses[$0.name] != nil }, "every node has an address")
        self.settings = settings
        self.topology = topology
        self.reactor = reactor
    }

    func address(of node: Node) -> NodeAddress { settings.addresses[node.name]! }

    func readersPort(of node: Node) -> UInt16? {
        node.isService ? settings.publishedPorts[node.name] ?? address(of: node).port : nil
    }

    func condition(of node: Node) -> NodeCondition { faults.condition(of: node) }
    func fault(of link: Link) -> LinkFault { faults.fault(of: link) }

    // MARK: Following

    /// Takes its faults from what `observation` sees, until ``stop()``.
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
            // A half-open breaker says nothing new.
            unreached: Set(
                topology.links.filter { !(observation.reaches($0) ?? !faults.latest.unreached.contains($0)) }))
    }
}
