import EventLoop

/// Waits after the heal until no replica has hints and all hold the same records, byte by byte.
///
/// Once the services report that each replica has everything written before the heal, the records must be equal.
struct Convergence {
    struct Result {
        var text = ""
        var problems: [String] = []
    }

    private let session: CheckSession
    /// No client has changed anything since.
    private let quietSinceNs: UInt64

    init(_ session: CheckSession, quietSinceNs: UInt64) {
        self.session = session
        self.quietSinceNs = quietSinceNs
    }

    func wait() async -> Result {
        let endNs = quietSinceNs + CheckSettings.recoveryMs * nsPerMs
        while !session.lab.isStopping {
            let report = await report()
            var open = report.open
            if open == nil {
                let comparison = Comparison(session)
                open = comparison.difference
                if let difference = open, report.areAllFresh {
                    return Result(
                        text: "not converged",
                        problems: ["every replica is reported as complete, but \(difference)"])
                }
                if open == nil {
                    let tookMs = Double((monotonicNs() - quietSinceNs) / nsPerMs)
                    return Result(
                        text:
                            "converged \(Answer.seconds(tookMs)) s after the last write: \(comparison.records) records, equal on "
                            + "all replicas")
                }
            }
            guard monotonicNs() < endNs else {
                let seconds = CheckSettings.recoveryMs / 1_000
                return Result(
                    text: "not converged", problems: ["not converged within \(seconds) s of the heal: \(open ?? "")"])
            }
            await session.reactor.sleep(forNs: 50 * nsPerMs)
        }
        return Result()
    }

    /// What the services report about the replicas.
    private struct Report {
        /// What is still to be done; nil if nothing is.
        var open: String?
        /// The staleness of each replica is known and shorter than the time since the last change.
        var areAllFresh = true
    }

    private func report() async -> Report {
        var report = Report()
        for site in Site.allCases {
            let service = session.service(at: site)
            let quietMs = Double((monotonicNs() - quietSinceNs) / nsPerMs)
            let result = await HTTPConnection.ask(
                HTTPRequest(path: "/replicas"), port: session.lab.ports[service.name] ?? 0, timeoutMs: 2_000,
                on: session.reactor)
            guard case .answer(let answer) = result, let replicas = answer.replicas, !replicas.isEmpty else {
                report.open = "\(service.name) did not answer"
                return report
            }
            for replica in replicas {
                if let matter = openMatter(replica) { report.open = "\(service.name) reports that \(matter)" }
                report.areAllFresh = report.areAllFresh && replica.stalenessMs ?? .infinity < quietMs
            }
        }
        return report
    }

    private func openMatter(_ replica: AnswerBody.Replica) -> String? {
        let id = replica.node ?? "?"
        guard replica.reachable == true else { return "\(id) is not reachable" }
        for (peer, hints) in replica.hints ?? [:] where hints.entries > 0 || hints.overflowed > 0 {
            return "\(id) has hints for \(peer)"
        }
        return nil
    }

    /// Compares the records of all replicas, read from the redis-servers themselves.
    private struct Comparison {
        private(set) var difference: String?
        private(set) var records = 0

        init(_ session: CheckSession) {
            var first: (name: String, records: [String: [String: String]])?
            for node in session.lab.topology.replicas(of: .ap) {
                guard
                    let found = RedisClient.records(
                        port: session.lab.ports[node.name] ?? 0, password: session.lab.password)
                else {
                    difference = "\(node.name) did not answer"
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
                        "\(keys.count) records differ between \(name) and \(node.name), e.g. \(key): "
                        + "\(expected[key] ?? [:]), \(found[key] ?? [:])"
                    return
                }
            }
        }
    }
}
