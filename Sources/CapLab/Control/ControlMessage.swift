import FoundationEssentials

/// A request of a `caplab` command to a running lab, as JSON.
struct ControlRequest: Codable, Equatable, Sendable {
    enum Command: String, Codable, CaseIterable, Sendable {
        case partition, heal, pause, resume, kill, start, wipe, status, redis
    }

    var command: Command
    /// A node; for `partition` and `heal` also a site.
    var target: String?
    /// With `to`: only messages from this site or node.
    var from: String?
    /// With `from`: only messages to this site or node.
    var to: String?
    /// One link, such as `app_cp>cp_db_g3`, instead of `target`, `from` and `to`.
    var link: String?
    /// If set, only links of this group.
    var group: GroupName?
    /// The kind of fault, see ``FaultMode``; nil means `drop`.
    var mode: String?

    /// The fault that a `partition` adds.
    func faultMode() throws(LabError) -> FaultMode {
        guard let mode else { return .drop }
        guard let fault = FaultMode(mode) else {
            throw LabError(
                "unknown mode '\(mode)'; valid: drop, reset, stall, delay=50ms (at most \(FaultMode.maxDelayMs) ms)",
                exitCode: 2)
        }
        if from != nil, fault == .reset || fault == .stall {
            throw LabError("\(mode) affects both directions; with --from and --to use drop or delay", exitCode: 2)
        }
        return fault
    }

    /// The links of a `partition` or `heal`, in the order of the topology, each with the directions that the request
    /// selects.
    func links(in topology: Topology) throws(LabError) -> [(link: Link, directions: Directions)] {
        guard (from == nil) == (to == nil), [target, from, link].count(where: { $0 != nil }) <= 1 else {
            throw LabError("give either a name, or --link, or --from and --to together", exitCode: 2)
        }
        guard target != nil || from != nil || link != nil || command == .heal else {
            throw LabError("name what to cut: a site, a node, --link, or --from and --to", exitCode: 2)
        }
        if let link, !topology.links.contains(where: { $0.id == link }) {
            throw LabError("unknown link '\(link)'; links are named as '\(topology.links[0].id)'", exitCode: 2)
        }
        for name in [target, from, to].compactMap(\.self) where !topology.nodes.contains(where: { $0.isIn(name) }) {
            throw topology.unknown(name, besides: Site.allCases)
        }
        var chosen: [(link: Link, directions: Directions)] = []
        for link in topology.links where self.link == nil || self.link == link.id {
            guard let service = topology.node(link.service), let replica = topology.node(link.replica),
                group == nil || service.group == group
            else { continue }
            let directions = directions(between: service, and: replica)
            if !directions.isEmpty { chosen.append((link, directions)) }
        }
        guard !chosen.isEmpty else { throw LabError("no link matches: \(place)", exitCode: 2) }
        return chosen
    }

    private func directions(between service: Node, and replica: Node) -> Directions {
        // A site selects every link that connects it to the other site. A node selects all its links.
        if let target { return service.isIn(target) != replica.isIn(target) ? .both : [] }
        guard let from, let to else { return .both }
        var directions: Directions = []
        if service.isIn(from), replica.isIn(to) { directions.insert(.toReplica) }
        if replica.isIn(from), service.isIn(to) { directions.insert(.toService) }
        return directions
    }

    /// The selected links as text, such as "west", "from east to west" or "everything". Includes the group if it is
    /// given.
    var place: String {
        let place = if let from, let to { "from \(from) to \(to)" } else { target ?? link ?? "everything" }
        return group.map { "\(place) (group \($0.rawValue))" } ?? place
    }
}

/// The lab's reply to a ``ControlRequest``.
struct ControlReply: Codable, Equatable, Sendable {
    /// The exit code of the command: 0 if done, 1 if it failed, 2 if the request was invalid.
    var exitCode: Int32 = 0
    /// One line for the user.
    var message: String?
    var status: LabStatus?
    var redis: RedisAccess?

    /// How to connect to a replica.
    struct RedisAccess: Codable, Equatable, Sendable {
        var port: UInt16
        var password: String
    }
}

/// The output of `caplab status --json`. Its names are stable, because scripts read them.
struct LabStatus: Codable, Equatable, Sendable {
    struct NodeStatus: Codable, Equatable, Sendable {
        var name: String
        var group: GroupName
        var site: Site
        var kind: String
        var state: String
        var pid: Int32?
        var port: UInt16
    }

    struct LinkStatus: Codable, Equatable, Sendable {
        var service: String
        var replica: String
        var state: String
        /// The port of the relay to which the service connects.
        var port: UInt16
        var connections: Int
        /// Bytes that the relay has received and not forwarded yet.
        var heldBytes: Int
        var bytesFromService: Int
        var bytesFromReplica: Int
    }

    var pid: Int32
    var dataDirectory: String
    var nodes: [NodeStatus]
    var links: [LinkStatus]

    /// The status as one line of JSON, with names such as `data_directory`.
    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: (try? encoder.encode(self)) ?? Data(), as: UTF8.self)
    }
}
