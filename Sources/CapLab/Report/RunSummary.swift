import JSON

/// The summary of a whole run: how many requests each service answered in each phase, how fast, and whether the
/// guarantees held.
struct RunSummary: Equatable, Sendable {
    struct Phase: Equatable, Sendable {
        let name: String
        let fromMs: Double
        let toMs: Double
    }

    /// The figures of one service in one phase.
    struct Figures: Equatable, Sendable {
        var requests = 0
        var answered = 0
        /// Requests that the service refused: it reported that it cannot answer now, and did nothing.
        var refused = 0
        /// Requests that had no answer in time, had an unknown outcome, or were not sent because too many others
        /// waited.
        var failed = 0
        /// Latencies of answered requests only. Refusals are fast and would hide slow answers.
        var p50Ms: Double?
        var p99Ms: Double?
        /// How many answers had `"stale":true`.
        var stale = 0
        var maxStalenessMs: Double?

        /// The share of requests that were answered; nil if there were none.
        var availability: Double? { requests == 0 ? nil : Double(answered) / Double(requests) }
    }

    struct Service: Equatable, Sendable {
        let name: String
        let group: GroupName
        let site: Site
        let phases: [Figures]
    }

    /// The findings of the checkers.
    struct Verdict: Equatable, Sendable {
        /// Nil if the checker could not decide, or if there was no check.
        var isLinearizable: Bool?
        var linearizableDetail = ""
        var violations: [String] = []
        /// How many writes and deletes the AP services acknowledged.
        var acknowledgedWrites = 0
        var lostWrites = 0
        /// Acknowledged writes that were lost with killed replicas, which had not synced them to disk yet. This is not
        /// a violation.
        var lostWithReplicas = 0
        /// For a drill: milliseconds from the heal until every AP replica had everything that any of them had at the
        /// heal. For a check: from the last change until all records were equal.
        var convergedInMs: Double?
    }

    static let maxViolations = 20

    let phases: [Phase]
    let services: [Service]
    let verdict: Verdict
    /// For how many AP keys an answer contained more than one value.
    let conflicts: Int

    init(
        _ samples: [AnswerSample], phases: [Phase], services: [Node], conflicts: Int, verdict: Verdict
    ) {
        self.phases = phases
        self.verdict = verdict
        self.conflicts = conflicts
        let byService = Dictionary(grouping: samples, by: \.service)
        self.services = services.map { node in
            let own = byService[node.name] ?? []
            return Service(
                name: node.name, group: node.group, site: node.site,
                phases: phases.map { phase in
                    Self.figures(own.filter { $0.sentMs >= phase.fromMs && $0.sentMs < phase.toMs })
                })
        }
    }

    private static func figures(_ samples: [AnswerSample]) -> Figures {
        var figures = Figures(requests: samples.count)
        var latenciesMs: [Double] = []
        for sample in samples {
            switch sample.result {
            case .answered:
                figures.answered += 1
                latenciesMs.append(Double(sample.tookMs))
            case .refused: figures.refused += 1
            case .failed: figures.failed += 1
            }
            if sample.isStale { figures.stale += 1 }
            if let stalenessMs = sample.stalenessMs {
                figures.maxStalenessMs = max(figures.maxStalenessMs ?? 0, Double(stalenessMs))
            }
        }
        latenciesMs.sort()
        figures.p50Ms = SeriesRecorder.percentile(50, of: latenciesMs)
        figures.p99Ms = SeriesRecorder.percentile(99, of: latenciesMs)
        return figures
    }

    /// True if no guarantee was violated.
    var isHeld: Bool { verdict.violations.isEmpty && verdict.isLinearizable != false }

    /// The share of requests to a group's services that were answered in a phase; nil if there were none.
    func availability(of group: GroupName, in phase: String) -> Double? {
        guard let index = phases.firstIndex(where: { $0.name == phase }) else { return nil }
        let figures = services.filter { $0.group == group }.map { $0.phases[index] }
        let requests = figures.reduce(0) { $0 + $1.requests }
        return requests == 0 ? nil : Double(figures.reduce(0) { $0 + $1.answered }) / Double(requests)
    }
}

// MARK: JSON

extension RunSummary {
    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("phases")
        json.beginArray()
        for phase in phases {
            json.beginObject()
            json.member("name", phase.name)
            json.milliseconds("fromMs", phase.fromMs)
            json.milliseconds("toMs", phase.toMs)
            json.endObject()
        }
        json.endArray()
        json.key("services")
        json.beginArray()
        for service in services { Self.write(service, to: &json) }
        json.endArray()
        json.member("linearizable", verdict.isLinearizable)
        json.member("linearizableDetail", verdict.linearizableDetail)
        json.strings("violations", Array(verdict.violations.prefix(Self.maxViolations)))
        json.member("acknowledgedWrites", verdict.acknowledgedWrites)
        json.member("lostWrites", verdict.lostWrites)
        json.member("lostWithReplicas", verdict.lostWithReplicas)
        json.member("conflicts", conflicts)
        json.milliseconds("convergedInMs", verdict.convergedInMs)
        json.endObject()
    }

    private static func write(_ service: Service, to json: inout JSONWriter) {
        json.beginObject()
        json.member("name", service.name)
        json.member("group", service.group.rawValue)
        json.member("site", service.site.rawValue)
        json.key("phases")
        json.beginArray()
        for figures in service.phases {
            json.beginObject()
            json.member("requests", figures.requests)
            json.member("answered", figures.answered)
            json.member("refused", figures.refused)
            json.member("failed", figures.failed)
            json.milliseconds("p50Ms", figures.p50Ms)
            json.milliseconds("p99Ms", figures.p99Ms)
            json.member("stale", figures.stale)
            json.milliseconds("maxStalenessMs", figures.maxStalenessMs)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}
