/// The metrics of a service that the page shows.
struct ServiceReport: Equatable {
    struct Replica: Equatable {
        /// State of the circuit breaker: 0 closed, 1 half open, 2 open.
        var breaker = 0
        /// True if the connection is established and the breaker is closed.
        var isUp = false
        /// For CP: true if the replica votes.
        var isVoter = false
        /// For CP: true if the replica applied the last write probe.
        var isWritable = false
        /// For AP: staleness in milliseconds; nil if unknown.
        var stalenessMs: Double?
        /// For AP: how many hints the replica has, by peer.
        var hints: [String: Int] = [:]
        /// For AP: how many keys have several values on the replica.
        var conflicts = 0
    }

    /// Replicas by their names in `REPLICAS`.
    var replicas: [String: Replica] = [:]

    /// - Parameter page: the answer of `/metrics`, in the text format of Prometheus.
    init(metrics page: String) {
        for line in page.utf8.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            guard let open = line.firstIndex(of: UInt8(ascii: "{")) else { continue }
            let name = String(Substring(line[..<open]))
            guard Self.names.contains(name), let close = line.lastIndex(of: UInt8(ascii: "}")) else { continue }
            let labels = Self.labels(String(Substring(line[line.index(after: open)..<close])))
            let number = Double(Substring(line[line.index(after: close)...]).drop { $0 == " " }.prefix { $0 != " " })
            if let number, let node = labels["node"] {
                Self.note(name, number, labels, &replicas[node, default: Replica()])
            }
        }
    }

    private static let names: Set = [
        "circuit_breaker_state", "db_replica_up", "cp_replica_voter", "cp_replica_writable", "data_staleness_ms",
        "ap_hints_pending", "ap_conflict_keys",
    ]

    private static func note(_ name: String, _ number: Double, _ labels: [String: String], _ replica: inout Replica) {
        switch name {
        case "circuit_breaker_state": replica.breaker = Int(exactly: number) ?? 0
        case "db_replica_up": replica.isUp = number == 1
        case "cp_replica_voter": replica.isVoter = number == 1
        case "cp_replica_writable": replica.isWritable = number == 1
        case "data_staleness_ms": replica.stalenessMs = number.isFinite ? number : nil
        case "ap_hints_pending": if let peer = labels["peer"] { replica.hints[peer] = Int(exactly: number) ?? 0 }
        case "ap_conflict_keys": replica.conflicts = Int(exactly: number) ?? 0
        default: break
        }
    }

    /// Parses labels such as `node="g1",peer="g2"`. Names of replicas contain no characters that are escaped.
    private static func labels(_ text: String) -> [String: String] {
        var labels: [String: String] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { labels[String(pair[0])] = String(pair[1].drop { $0 == "\"" }.prefix { $0 != "\"" }) }
        }
        return labels
    }
}
