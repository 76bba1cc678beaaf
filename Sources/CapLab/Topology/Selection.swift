/// The links of a `partition` or `heal`.
struct Selection: Equatable, Sendable {
    enum Place: Equatable, Sendable {
        case everything
        /// A site: every link that leads out of it. A node: all its links.
        case place(String)
        /// Only messages from the first place to the second.
        case oneWay(from: String, to: String)
    }

    var place: Place
    /// Only links of this group.
    var group: GroupName?

    /// The selected links in the topology's order, each with its selected directions.
    func links(in topology: Topology) throws(SelectionError) -> [(link: Link, directions: Directions)] {
        var chosen: [(link: Link, directions: Directions)] = []
        for link in topology.links {
            guard let service = topology.node(link.service), let replica = topology.node(link.replica) else { continue }
            if let group, service.group != group { continue }
            let directions = try directions(between: service, and: replica, in: topology)
            if !directions.isEmpty { chosen.append((link, directions)) }
        }
        guard !chosen.isEmpty else { throw .noLink(described) }
        return chosen
    }

    private func directions(
        between service: Node, and replica: Node, in topology: Topology
    ) throws(SelectionError) -> Directions {
        switch place {
        case .everything: return .both
        case .place(let name):
            if let site = Site(rawValue: name) {
                return (service.site == site) != (replica.site == site) ? .both : []
            }
            try Self.check(name, in: topology)
            return service.name == name || replica.name == name ? .both : []
        case .oneWay(let source, let destination):
            try Self.check(source, in: topology)
            try Self.check(destination, in: topology)
            var directions: Directions = []
            if service.isIn(source), replica.isIn(destination) { directions.insert(.toReplica) }
            if replica.isIn(source), service.isIn(destination) { directions.insert(.toService) }
            return directions
        }
    }

    private static func check(_ name: String, in topology: Topology) throws(SelectionError) {
        guard Site(rawValue: name) != nil || topology.node(name) != nil else { throw .unknown(name) }
    }

    /// For people: "west", "from east to west", "everything", with the group if given.
    var described: String {
        let place =
            switch place {
            case .everything: "everything"
            case .place(let name): name
            case .oneWay(let source, let destination): "from \(source) to \(destination)"
            }
        return group.map { "\(place) (group \($0.rawValue))" } ?? place
    }
}

extension Node {
    fileprivate func isIn(_ place: String) -> Bool { name == place || site.rawValue == place }
}

/// Why a selection is invalid.
enum SelectionError: Error, Equatable {
    case unknown(String)
    case noLink(String)

    func message(_ topology: Topology) -> String {
        switch self {
        case .unknown(let name):
            let names = Site.allCases.map(\.rawValue) + topology.nodes.map(\.name)
            return "unknown node '\(name)'; valid names: \(names.joined(separator: ", "))"
        case .noLink(let described): return "no link matches: \(described)"
        }
    }
}
