import EventLoop

/// Waits until all replicas are reachable, have no hints and have equal records. The limit is
/// ``CheckSettings/recoveryMs``. If the services report that every replica has all writes, but records differ, that is
/// a violation at once.
struct Convergence {
    struct Result {
        var text = ""
        /// Time from the last write until convergence, in milliseconds; nil if convergence was not observed.
        var tookMs: Double?
        var problems: [String] = []

        static func failed(_ problem: String) -> Result { Result(text: "not converged", problems: [problem]) }
    }

    private let session: CheckSession
    /// When the last change of a client had ended, in monotonic nanoseconds.
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
                if report.areAllFresh {
                    return .failed("the services report that every replica has all writes, but \(difference)")
                }
                open = difference
            }
            guard monotonicNs() < endNs else {
                return .failed("not converged within \(CheckSettings.recoveryMs / 1_000) s of the heal: \(open ?? "")")
            }
            await session.reactor.sleep(forNs: 50 * nsPerMs)
        }
        return Result()
    }

    /// The state of the replicas as the services report it.
    private struct Report {
        /// Why the replicas have not converged yet; nil if they have.
        var open: String?
        /// True if every replica's staleness is known and less than the time since the last change.
        var areAllFresh = true
    }

    private func report() async -> Report {
        var report = Report()
        for site in Site.allCases {
            let service = session.service(at: site)
            let quietMs = Double((monotonicNs() - quietSinceNs) / nsPerMs)
            let answer = await HTTPConnection.ask(
                HTTPRequest(path: "/replicas"), at: session.lab.address(of: service), timeoutMs: 2_000,
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

    /// Compares the records of all replicas, read directly from the redis-servers.
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
