import FoundationEssentials

/// What a second terminal may ask a running lab: one line of JSON, answered by one line of JSON.
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
    /// As ``FaultMode`` reads it; `drop` where there is none.
    var mode: String?

    /// Bounds a line in both senses: no request is longer, and a longer one is refused unread.
    static let maxBytes = 4_096

    static func parse(_ line: some Sequence<UInt8>) throws(LabError) -> ControlRequest {
        do {
            return try JSONDecoder().decode(ControlRequest.self, from: Data(line))
        } catch {
            throw LabError("not a request of this lab's version", exitCode: 2)
        }
    }

    /// The links that a `partition` or `heal` means.
    func selection() throws(LabError) -> Selection {
        switch (target, from, to) {
        case (let target?, nil, nil): return Selection(place: .place(target), group: group)
        case (nil, let from?, let to?): return Selection(place: .oneWay(from: from, to: to), group: group)
        case (nil, nil, nil) where command == .heal: return Selection(place: .everything, group: group)
        case (nil, nil, nil): throw LabError("say what to cut: a site, a node, or --from and --to", exitCode: 2)
        default: throw LabError("give either a name, or --from and --to together", exitCode: 2)
        }
    }

    /// The fault that a `partition` means.
    func faultMode() throws(LabError) -> FaultMode {
        guard let mode else { return .drop }
        guard let fault = FaultMode(mode) else {
            throw LabError(
                "unknown mode '\(mode)'; valid: drop, reset, stall, delay=50ms (at most \(FaultMode.maxDelayMs) ms)",
                exitCode: 2)
        }
        if from != nil, fault == .reset || fault == .stall {
            throw LabError("\(mode) has no direction; with --from and --to use drop or delay", exitCode: 2)
        }
        return fault
    }
}

/// The lab's answer.
struct ControlReply: Codable, Equatable, Sendable {
    /// What the command exits with: 0 done, 1 could not, 2 asked wrongly.
    var exitCode: Int32 = 0
    /// One line for people.
    var message: String?
    var status: LabStatus?
    var redis: RedisAccess?

    static let maxBytes = 256 << 10

    /// How to reach one replica by hand.
    struct RedisAccess: Codable, Equatable, Sendable {
        var port: UInt16
        var password: String
    }
}

/// What `caplab status --json` prints. Names are stable: scripts read them.
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
        /// The port of the relay, where the service connects.
        var port: UInt16
        var connections: Int
        /// Read by the relay and not passed on yet.
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
