import EventLoop

/// Waits after the heal until no replica has hints and all hold the same records, byte by byte.
///
/// Once the services report that each replica has everything written before the heal, the records must be equal.
struct Convergence {
    struct Result {
        var text = ""
        /// After the last write; nil if it was not seen.
        var tookMs: Double?
        var problems: [String] = []

        static func failed(_ problem: String) -> Result { Result(text: "not converged", problems: [problem]) }
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
                let (records, difference) = comparison()
                guard let difference else {
                    let tookMs = Double((monotonicNs() - quietSinceNs) / nsPerMs)
                    let text = "converged \(Answer.seconds(tookMs)) s after the last write: \(records) records, "
                    return Result(text: text + "equal on all replicas", tookMs: tookMs)
                }
                if report.areAllFresh { return .failed("every replica is reported as complete, but \(difference)") }
                open = difference
            }
            guard monotonicNs() < endNs else {
                return .failed("not converged within \(CheckSettings.recoveryMs / 1_000) s of the heal: \(open ?? "")")
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
            let answer = await HTTPConnection.ask(
                HTTPRequest(path: "/replicas"), port: session.lab.ports[service.name] ?? 0, timeoutMs: 2_000,
                on: session.reactor)
            guard let replicas = answer.replicas, !replicas.isEmpty else {
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
    private func comparison() -> (records: Int, difference: String?) {
        var first: (name: String, records: [String: [String: String]])?
        for node in session.lab.topology.replicas(of: .ap) {
            let port = session.lab.ports[node.name] ?? 0
            guard let found = RedisClient.records(port: port, password: session.lab.password) else {
                return (0, "\(node.name) did not answer")
            }
            let (name, expected) = first ?? (node.name, found)
            first = (name, expected)
            let keys = Set(found.keys).union(expected.keys).filter { found[$0] != expected[$0] }
            if let key = keys.min() {
                return (
                    0,
                    "\(keys.count) records differ between \(name) and \(node.name), e.g. \(key): "
                        + "\(expected[key] ?? [:]), \(found[key] ?? [:])"
                )
            }
        }
        return (first?.records.count ?? 0, nil)
    }
}
