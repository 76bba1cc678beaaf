/// Summarises the faults of a pair's links and the conditions of its nodes: for example, as "west cut" instead of a
/// list of six links.
struct FaultDetector {
    /// The kind of a fault. The raw value appears in the event `faults`.
    enum Kind: String {
        case cut, oneWay, slow, paused, down
        /// At least one direction is cut, but it is unknown which.
        case unreachable
    }

    struct Fault: Equatable {
        let kind: Kind
        /// A site, a node, a link, or a direction such as `east>west`.
        let target: String
        let label: String
        /// The group, if the fault concerns only one group.
        var group: GroupName?
    }

    /// One direction of one link.
    private struct Edge: Hashable {
        let link: Link
        let direction: Directions
    }

    /// A set of edges with a name, such as all edges between the sites.
    private struct Pattern {
        let target: String
        let name: String
        var group: GroupName?
        let edges: Set<Edge>

        func label(_ verb: String) -> String {
            "\(name) \(verb)" + (group.map { ", \($0.rawValue.uppercased()) only" } ?? "")
        }
    }

    private let nodes: [Node]
    private let knowsDirections: Bool
    /// Patterns with both directions of their links, those with the most edges first.
    private let twoWay: [Pattern]
    private let oneWay: [Pattern]

    /// - Parameter knowsDirections: see ``ObservedPair/knowsDirections``.
    init(_ topology: Topology, knowsDirections: Bool = true) {
        nodes = topology.nodes
        self.knowsDirections = knowsDirections
        let all = topology.links.flatMap { link in
            [Directions.toReplica, .toService].map { Edge(link: link, direction: $0) }
        }
        /// Returns the nodes at which an edge starts and ends.
        func ends(_ edge: Edge) -> (from: Node?, to: Node?) {
            let (service, replica) = (topology.node(edge.link.service), topology.node(edge.link.replica))
            return edge.direction == .toReplica ? (service, replica) : (replica, service)
        }
        func edges(_ isIncluded: (_ from: Node, _ to: Node) -> Bool) -> Set<Edge> {
            Set(
                all.filter { edge in
                    guard case let (from?, to?) = ends(edge) else { return false }
                    return isIncluded(from, to)
                })
        }
        let groups: [GroupName?] = [nil] + GroupName.allCases

        var twoWay: [Pattern] = []
        var oneWay: [Pattern] = []
        for group in groups {
            let isOfGroup = { (node: Node) in group == nil || node.group == group }
            twoWay.append(
                Pattern(
                    target: Site.west.rawValue, name: Site.west.rawValue, group: group,
                    edges: edges { $0.site != $1.site && isOfGroup($0) }))
            for (from, to) in [(Site.east, Site.west), (.west, .east)] {
                oneWay.append(
                    Pattern(
                        target: "\(from)>\(to)", name: "\(from) to \(to)", group: group,
                        edges: edges { $0.site == from && $1.site == to && isOfGroup($0) }))
            }
        }
        for node in topology.nodes {
            twoWay.append(
                Pattern(target: node.name, name: node.name, edges: edges { $0 == node || $1 == node }))
            oneWay.append(
                Pattern(target: node.name, name: "from \(node.name)", edges: edges { from, _ in from == node }))
            oneWay.append(Pattern(target: node.name, name: "to \(node.name)", edges: edges { _, to in to == node }))
        }
        for link in topology.links {
            let requests = Edge(link: link, direction: .toReplica)
            let answers = Edge(link: link, direction: .toService)
            twoWay.append(Pattern(target: link.id, name: link.id, edges: [requests, answers]))
            oneWay.append(Pattern(target: link.id, name: "requests \(link.id)", edges: [requests]))
            oneWay.append(Pattern(target: link.id, name: "answers \(link.id)", edges: [answers]))
        }
        self.twoWay = twoWay.filter { !$0.edges.isEmpty }
        self.oneWay = oneWay.filter { !$0.edges.isEmpty }
    }

    func faults(_ links: [Link: LinkFault], _ conditions: [String: NodeCondition]) -> [Fault] {
        var held: Set<Edge> = []
        var slow: [Edge: Int] = [:]
        for (link, fault) in links {
            for direction in [Directions.toReplica, .toService] {
                let edge = Edge(link: link, direction: direction)
                if fault.resets || fault.holds(direction) { held.insert(edge) }
                if fault.delayMs(direction) > 0 { slow[edge] = fault.delayMs(direction) }
            }
        }
        let (kind, verb) = knowsDirections ? (Kind.cut, "cut") : (.unreachable, "unreachable")
        var faults = Self.cover(&held, twoWay).map {
            Fault(kind: kind, target: $0.target, label: $0.label(verb), group: $0.group)
        }
        faults += Self.cover(&held, oneWay).map {
            Fault(kind: .oneWay, target: $0.target, label: $0.label("lost"), group: $0.group)
        }
        var slowEdges = Set(slow.keys)
        faults += (Self.cover(&slowEdges, twoWay) + Self.cover(&slowEdges, oneWay)).map { pattern in
            let delayMs = pattern.edges.compactMap { slow[$0] }.max() ?? 0
            return Fault(
                kind: .slow, target: pattern.target, label: pattern.label("+\(delayMs) ms"), group: pattern.group)
        }
        for node in nodes {
            switch conditions[node.name] {
            case .paused: faults.append(Fault(kind: .paused, target: node.name, label: "\(node.name) paused"))
            case .ended: faults.append(Fault(kind: .down, target: node.name, label: "\(node.name) down"))
            case .unreachable:
                faults.append(Fault(kind: .down, target: node.name, label: "\(node.name) does not answer"))
            case .running, nil: break
            }
        }
        return faults
    }

    /// Returns the patterns whose edges are all in `edges`, in the order of `patterns`. Removes these edges, so that
    /// each edge belongs to one pattern.
    private static func cover(_ edges: inout Set<Edge>, _ patterns: [Pattern]) -> [Pattern] {
        var found: [Pattern] = []
        for pattern in patterns where !edges.isEmpty && pattern.edges.isSubset(of: edges) {
            found.append(pattern)
            edges.subtract(pattern.edges)
        }
        return found
    }
}
