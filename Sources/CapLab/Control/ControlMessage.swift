import FoundationEssentials

/// A request from a second terminal to a running lab: one line of JSON, answered by one line of JSON.
struct ControlRequest: Codable, Equatable, Sendable {
    enum Command: String, Codable, CaseIterable, Sendable {
        case partition, heal, pause, resume, kill, start, status, redis
    }

    var command: Command
    /// A node, or for `partition` and `heal` also a site.
    var target: String?
    var from: String?
    var to: String?
    var group: GroupName?
    /// See ``FaultMode``; nil is `drop`.
    var mode: String?

    /// A longer request is rejected.
    static let maxBytes = 4_096

    static func parse(_ line: some Sequence<UInt8>) throws(LabError) -> ControlRequest {
        do {
            return try JSONDecoder().decode(ControlRequest.self, from: Data(line))
        } catch {
            throw LabError("not a valid request; is this caplab of the same version as the lab?", exitCode: 2)
        }
    }

    /// The links of a `partition` or `heal`.
    func selection() throws(LabError) -> Selection {
        switch (target, from, to) {
        case (let target?, nil, nil): return Selection(place: .place(target), group: group)
        case (nil, let from?, let to?): return Selection(place: .oneWay(from: from, to: to), group: group)
        case (nil, nil, nil) where command == .heal: return Selection(place: .everything, group: group)
        case (nil, nil, nil): throw LabError("name what to cut: a site, a node, or --from and --to", exitCode: 2)
        default: throw LabError("give either a name, or --from and --to together", exitCode: 2)
        }
    }

    /// The fault of a `partition`.
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
}

/// The lab's reply.
struct ControlReply: Codable, Equatable, Sendable {
    /// The exit code of the command: 0 done, 1 failed, 2 wrong request.
    var exitCode: Int32 = 0
    /// For people, one line.
    var message: String?
    var status: LabStatus?
    var redis: RedisAccess?

    static let maxBytes = 256 << 10

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
        /// The port of the relay, to which the service connects.
        var port: UInt16
        var connections: Int
        /// Received by the relay and not forwarded yet.
        var heldBytes: Int
        var bytesFromService: Int
        var bytesFromReplica: Int

        enum CodingKeys: String, CodingKey {
            case service, replica, state, port, connections
            case heldBytes = "held_bytes"
            case bytesFromService = "bytes_from_service"
            case bytesFromReplica = "bytes_from_replica"
        }
    }

    var pid: Int32
    var dataDirectory: String
    var nodes: [NodeStatus]
    var links: [LinkStatus]

    enum CodingKeys: String, CodingKey {
        case pid, nodes, links
        case dataDirectory = "data_directory"
    }
}
