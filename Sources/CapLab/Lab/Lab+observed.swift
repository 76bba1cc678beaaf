extension Lab: ObservedPair {
    var redisLogin: RedisLogin { RedisLogin(password: password) }

    func address(of node: Node) -> NodeAddress {
        NodeAddress(
            host: "127.0.0.1", port: ports[node.name] ?? 0, tls: node.isService ? resources.tls : nil,
            token: node.isService ? settings.token : nil)
    }

    func curlTarget(of service: Node) -> CurlTarget { curlTarget(service.name) }

    func readersPort(of node: Node) -> UInt16? { ports[node.name] ?? 0 }

    func condition(of node: Node) -> NodeCondition {
        switch processes[node.name]?.state {
        case .running: .running
        case .paused: .paused
        case .ended, .notStarted, nil: .ended
        }
    }

    var knowsDirections: Bool { true }

    func fault(of link: Link) -> LinkFault { relays[link]?.fault ?? .none }
}
