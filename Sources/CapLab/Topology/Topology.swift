/// One side of the network, like G1 and G2 in the proof by Gilbert and Lynch.
enum Site: String, Codable, CaseIterable, Sendable {
    case east, west
}

/// The group to which a node belongs: that of `app-cp` or of `app-ap`.
enum GroupName: String, Codable, CaseIterable, Sendable {
    case cp, ap
}

/// One process of the lab.
struct Node: Equatable, Sendable {
    enum Role: Equatable, Sendable {
        /// An HTTP service. Its default port is the port base plus `portOffset`.
        case service(portOffset: UInt16)
        /// A redis-server. `id` is its name in `REPLICAS`.
        case replica(id: String)
    }

    let name: String
    let group: GroupName
    let site: Site
    let role: Role

    var isService: Bool {
        if case .service = role { true } else { false }
    }

    /// A replica's name in `REPLICAS`; nil for a service.
    var replicaID: String? {
        if case .replica(let id) = role { id } else { nil }
    }

    /// True if `place` is the name of this node or of its site.
    func isIn(_ place: String) -> Bool { name == place || site.rawValue == place }
}

/// The connections from a service to one replica of its group. Each link has its own relay.
struct Link: Hashable, Comparable, Sendable {
    let service: String
    let replica: String

    /// The link's name on the page and in requests.
    var id: String { "\(service)>\(replica)" }

    static func < (left: Link, right: Link) -> Bool {
        (left.service, left.replica) < (right.service, right.replica)
    }
}

/// All nodes with their sites, and the links between them.
struct Topology: Sendable {
    let nodes: [Node]
    let links: [Link]

    /// - Parameter nodes: their names must be unique, and must differ from those of the sites.
    init(nodes: [Node]) {
        self.nodes = nodes
        links = nodes.filter(\.isService).flatMap { service in
            nodes.filter { !$0.isService && $0.group == service.group }
                .map { Link(service: service.name, replica: $0.name) }
        }
    }

    /// The lab's standard topology: two sites, with the majority of each group in the east.
    static let pair = Topology(nodes: [
        Node(name: "app_cp", group: .cp, site: .east, role: .service(portOffset: 1)),
        Node(name: "app_ap", group: .ap, site: .east, role: .service(portOffset: 2)),
        Node(name: "app_cp_west", group: .cp, site: .west, role: .service(portOffset: 11)),
        Node(name: "app_ap_west", group: .ap, site: .west, role: .service(portOffset: 12)),
        Node(name: "cp_db_g1", group: .cp, site: .east, role: .replica(id: "g1")),
        Node(name: "cp_db_g2", group: .cp, site: .east, role: .replica(id: "g2")),
        Node(name: "cp_db_g3", group: .cp, site: .west, role: .replica(id: "g3")),
        Node(name: "ap_db_g1", group: .ap, site: .east, role: .replica(id: "g1")),
        Node(name: "ap_db_g2", group: .ap, site: .east, role: .replica(id: "g2")),
        Node(name: "ap_db_g3", group: .ap, site: .west, role: .replica(id: "g3")),
    ])

    var services: [Node] { nodes.filter(\.isService) }
    var replicas: [Node] { nodes.filter { !$0.isService } }

    func node(_ name: String) -> Node? { nodes.first { $0.name == name } }

    /// - Throws: an error that lists the valid names.
    func find(_ name: String) throws(LabError) -> Node {
        guard let node = node(name) else { throw unknown(name) }
        return node
    }

    func unknown(_ name: String, besides sites: [Site] = []) -> LabError {
        let names = sites.map(\.rawValue) + nodes.map(\.name)
        return LabError("unknown node '\(name)'; valid names: \(names.joined(separator: ", "))", exitCode: 2)
    }

    /// The replicas of a group, in the order of `REPLICAS`.
    func replicas(of group: GroupName) -> [Node] { replicas.filter { $0.group == group } }
}
