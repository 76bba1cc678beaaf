import EventLoop

/// Waits after the heal until no replica owes another anything and all hold the same records, byte by byte.
///
/// That they do must be so as soon as the services say that each replica knows all that was written before the heal: where
/// the records differ then, what they say is wrong.
struct Convergence {
    struct Result {
        var text = ""
        var problems: [String] = []
    }

    private let session: CheckSession
    /// Since when no client changes anything.
    private let quietSinceNs: UInt64

    init(_ session: CheckSession, quietSinceNs: UInt64) {
        self.session = session
        self.quietSinceNs = quietSinceNs
    }

    func wait() async -> Result {
        let endNs = quietSinceNs + CheckSettings.recoveryMs * nsPerMs
        while !session.lab.isStopping {
            let claims = await claims()
            var open = claims.open
            if open == nil {
                let comparison = await Comparison(session)
                open = comparison.difference
                if let difference = open, claims.areAllFresh {
                    return Result(
                        text: "not converged",
                        problems: ["every replica is said to know everything, but \(difference)"])
                }
                if open == nil {
                    let tookMs = Double((monotonicNs() - quietSinceNs) / nsPerMs)
                    return Result(
                        text:
                            "converged \(Answer.seconds(tookMs)) s after all was quiet: \(comparison.records) records, the same "
                            + "on all replicas")
                }
            }
            guard monotonicNs() < endNs else {
                let seconds = CheckSettings.recoveryMs / 1_000
                return Result(
                    text: "not converged", problems: ["not converged \(seconds) s after the heal: \(open ?? "")"])
            }
            await session.reactor.sleep(forNs: 50 * nsPerMs)
        }
        return Result()
    }

    /// What the services say of the replicas.
    private struct Claims {
        /// What is still to be done; nil where nothing is.
        var open: String?
        /// Each replica's staleness is known, and shorter than the time since the last change.
        var areAllFresh = true
    }

    private func claims() async -> Claims {
        var claims = Claims()
        for site in Site.allCases {
            let service = session.service(at: site)
            let connection = HTTPConnection(port: session.lab.ports[service.name] ?? 0, on: session.reactor)
            defer { connection.close() }
            let quietMs = Double((monotonicNs() - quietSinceNs) / nsPerMs)
            guard case .answer(let answer) = await connection.ask(HTTPRequest(path: "/replicas"), timeoutMs: 2_000),
                !answer.replicas.isEmpty
            else {
                claims.open = "\(service.name) does not answer"
                return claims
            }
            for replica in answer.replicas {
                if let matter = openMatter(replica) { claims.open = "\(service.name) says that \(matter)" }
                let stalenessMs = replica["staleness_ms"]?.number ?? .infinity
                claims.areAllFresh = claims.areAllFresh && stalenessMs < quietMs
            }
        }
        return claims
    }

    private func openMatter(_ replica: JSONValue) -> String? {
        let id = replica["node"]?.text ?? "?"
        guard replica["reachable"]?.isTrue == true else { return "\(id) is not reachable" }
        for (peer, debt) in replica["hints"]?.members ?? [:] {
            guard debt["entries"]?.number == 0, debt["overflowed"]?.number == 0 else { return "\(id) owes to \(peer)" }
        }
        return nil
    }

    /// The records of all replicas, read from the redis-servers themselves.
    private struct Comparison {
        private(set) var difference: String?
        private(set) var records = 0

        init(_ session: CheckSession) async {
            var first: (name: String, records: [String: [String: String]])?
            for node in session.lab.topology.replicas(of: .ap) {
                guard
                    let found = await RedisReader.records(
                        port: session.lab.ports[node.name] ?? 0, password: session.lab.password, on: session.reactor)
                else {
                    difference = "\(node.name) cannot be read"
                    return
                }
                guard let (name, expected) = first else {
                    first = (node.name, found)
                    records = found.count
                    continue
                }
                let keys = Set(found.keys).union(expected.keys).filter { found[$0] != expected[$0] }
                if let key = keys.min() {
                    difference =
                        "\(keys.count) records differ between \(name) and \(node.name), \(key) for one: "
                        + "\(expected[key] ?? [:]), \(found[key] ?? [:])"
                    return
                }
            }
        }
    }
}
