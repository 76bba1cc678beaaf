import EventLoop

/// Drives `app-ap` at both sites through real faults, counts who was answered, and judges what became of every write.
final class APCheck {
    /// A version as a client keeps it, with the values that the same answer showed.
    private struct Seen {
        let version: String
        let shown: [String]
    }

    private let session: CheckSession
    /// Keys that are only ever changed with a context, and keys that are only ever written without one.
    private var informedKeys = KeyRing(prefix: "c", lasting: 2, passing: 5, usesPerKey: 300)
    private var blindKeys = KeyRing(prefix: "b", lasting: 1, passing: 5, usesPerKey: 30)
    private var history: [APOperation] = []
    private var memory: [[String: Seen]]
    private var nextValue = 0
    private var connections: [[Site: HTTPConnection]] = []
    private var problems: [String] = []
    private var differences: [String] = []
    /// Requests that had to be answered, and those that were not.
    private var due: [Site: Int] = [:]
    private var unanswered: [Site: Int] = [:]

    init(_ lab: Lab, _ settings: CheckSettings) {
        session = CheckSession(lab, settings, group: .ap)
        memory = Array(repeating: [:], count: settings.clients + 1)
        // The last one is for the reads at the end.
        connections = (0...settings.clients).map { _ in session.connect() }
    }

    private var lab: Lab { session.lab }

    /// - Returns: 0 where every promise held, 1 where one did not, 130 where it was interrupted.
    func run() async -> Int32 {
        defer { session.close() }
        await session.play { [self] client, random in await step(client, &random) }
        let quietNs = monotonicNs()
        let convergence = await Convergence(session, quietSinceNs: quietNs).wait()
        let final = await readEverything()
        guard !lab.isStopping else { return 130 }
        return conclude(convergence, final)
    }

    // MARK: Clients

    private func step(_ client: Int, _ random: inout SeededRandom) async -> Bool {
        let site: Site = random.isTrue(percent: 50) ? .east : .west
        let draw = random.below(100)
        guard draw >= 25 else {
            let key = blindKeys.draw(&random)
            return await perform(draw < 13 ? .write : .read, key: key, client: client, site: site)
        }
        let key = informedKeys.draw(&random)
        guard draw >= 60 else {
            return await perform(.read, key: key, client: client, site: site)
        }
        // What a client remembers may be old by now, and from the other site: that is how conflicts come about.
        if memory[client][key] == nil { _ = await perform(.read, key: key, client: client, site: site) }
        guard let seen = memory[client][key] else { return false }
        return await perform(draw < 90 ? .write : .delete, key: key, client: client, site: site, seen: seen)
    }

    /// - Returns: whether it was answered.
    private func perform(
        _ kind: APOperation.Kind, key: String, client: Int, site: Site, seen: Seen? = nil
    ) async -> Bool {
        guard let connection = connections[client][site] else { return false }
        var operation = APOperation(client: client, key: key, kind: kind, callNs: monotonicNs())
        if let seen {
            operation.hasContext = true
            operation.shown = seen.shown
        }
        if kind == .write {
            nextValue += 1
            operation.value = "v\(nextValue)"
        }
        let service = session.service(at: site).name
        let calmBefore = session.driver.calm(service)
        let result = await connection.ask(Self.request(operation, seen), timeoutMs: CheckSettings.requestTimeoutMs)
        APAnswer.note(result, in: &operation, returnNs: monotonicNs())
        history.append(operation)
        remember(operation, result, client)

        let isAnswered = APAnswer.isAnswered(kind, result)
        session.tally.note(
            kind == .read ? "read" : "\(kind.rawValue) \(seen == nil ? "without" : "with") context",
            operation.outcome == .ok ? "ok" : isAnswered ? "404" : operation.outcome == .unknown ? "unknown" : "failed",
            site: site, isSuccess: isAnswered, atNs: operation.returnNs)
        // A service that was itself stopped or killed meanwhile cannot be asked to answer.
        guard let calmBefore, session.driver.calm(service) == calmBefore else { return isAnswered }
        due[site, default: 0] += 1
        guard !isAnswered else { return true }
        unanswered[site, default: 0] += 1
        problems.append(
            "\(session.time(operation.callNs)): \(service) did not answer a \(kind.rawValue) of \(key): \(APAnswer.text(result))"
        )
        return false
    }

    private static func request(_ operation: APOperation, _ seen: Seen?) -> HTTPRequest {
        let headers = seen.map { [(name: "X-Context", value: $0.version)] } ?? []
        switch operation.kind {
        case .read: return HTTPRequest(path: "/read/\(operation.key)")
        case .write:
            let path = "/write/\(operation.key)/\(operation.value ?? "")"
            return HTTPRequest(method: "POST", path: path, headers: headers)
        case .delete: return HTTPRequest(method: "DELETE", path: "/delete/\(operation.key)", headers: headers)
        }
    }

    /// The version of an answer covers what the same answer shows; that of a write also the value just written.
    private func remember(_ operation: APOperation, _ result: HTTPResult, _ client: Int) {
        guard case .answer(let answer) = result, operation.outcome == .ok, let version = answer.version else { return }
        let shown =
            operation.kind == .write ? [operation.value ?? ""] + answer.conflicts.sorted() : APAnswer.shown(answer)
        memory[client][operation.key] = Seen(version: version, shown: shown)
    }

    // MARK: The end

    /// The values of all keys, at both sites.
    private func readEverything() async -> [String: [String]] {
        var final: [String: [String]] = [:]
        let client = connections.count - 1
        for key in informedKeys.all + blindKeys.all where !lab.isStopping {
            var answers: [[String]] = []
            for site in Site.allCases {
                let before = history.count
                _ = await perform(.read, key: key, client: client, site: site)
                if history[before].outcome == .ok { answers.append(history[before].shown) }
            }
            guard answers.count == Site.allCases.count else { continue }
            final[key] = answers[0]
            if Set(answers[0]) != Set(answers[1]) {
                differences.append("\(key) is \(answers[0]) in the east and \(answers[1]) in the west after the heal")
            }
        }
        return final
    }

    private func conclude(_ convergence: Convergence.Result, _ final: [String: [String]]) -> Int32 {
        let verdict = APVerdict(history, final: final, kills: session.driver.kills)
        var lines = Site.allCases.map { site in
            let count = due[site] ?? 0
            return "\(site.rawValue): \(count - (unanswered[site] ?? 0)) of \(count) requests answered that had to be"
        }
        let returnMs = Double(session.driver.slowestReturnNs / nsPerMs)
        lines.append(
            "a service that had been stopped or killed served again after at most \(Answer.seconds(returnMs)) s")
        lines.append(convergence.text)
        lines.append(
            "judged: \(verdict.acknowledged) acknowledged changes on \(verdict.keys) keys, and \(verdict.boundedReads) reads "
                + "by their staleness; \(verdict.excusedLosses) writes lost with the disks that acknowledged them")
        let code = session.conclude(
            outcomes: ["ok", "404", "failed", "unknown"], judged: lines.joined(separator: "\n"),
            violations: [convergence.problems, problems, differences, verdict.lost, verdict.invented, verdict.stale])
        if code != 0 {
            session.writeFaults()
            session.writeHistory(history)
        }
        return code
    }
}
