import EventLoop

/// Runs clients of `app-ap` at both sites while real faults occur. Checks that the services answer, that the replicas
/// converge, and that no read and no final value violates the guarantees.
final class APCheck {
    /// The context (`version`) in an answer, and the values that it covers.
    private struct Seen {
        let version: String
        let shown: [String]
    }

    private struct Keys {
        /// Keys that are changed only with a context.
        var informed: KeyRing
        /// Keys that are changed only without a context.
        var blind: KeyRing
        /// Keys that are in none of the key rings.
        var others: Set<String> = []

        var all: [String] { informed.all + blind.all + others.sorted() }
    }

    private let session: CheckSession
    private let readPercent: UInt64?
    private var keys: Keys
    private var history: [APOperation] = []
    private var lastSeen: [[String: Seen]]
    private var nextValue = 0
    private(set) var problems: [String] = []
    /// Nil until ``run()`` has judged the history.
    private(set) var verdict: RunSummary.Verdict?
    private var differences: [String] = []
    /// Per site: how many requests the service had to answer, and how many of those it answered.
    private var required: [Site: (count: Int, answered: Int)] = [:]

    /// - Parameters:
    ///   - keyCount: how many keys clients use at the same time: at least 5, and at least 9 if `readPercent` is nil.
    ///   - readPercent: the percentage of operations that are reads. Each change with a context additionally begins
    ///     with a read. If nil, the check uses a fixed mix, in which clients also send old contexts and so cause
    ///     conflicts.
    init(_ session: CheckSession, keyCount: Int = 13, readPercent: UInt64? = nil) {
        self.session = session
        self.readPercent = readPercent
        precondition(keyCount >= (readPercent == nil ? 9 : 5), "each kind of key needs at least one key")
        let blindCount = readPercent == nil ? 6 : max(2, keyCount / 4)
        keys = Keys(
            informed: KeyRing(prefix: "c", lasting: 2, shortLived: keyCount - blindCount - 2, usesPerKey: 300),
            blind: KeyRing(prefix: "b", lasting: 1, shortLived: blindCount - 1, usesPerKey: 30))
        lastSeen = Array(repeating: [:], count: session.settings.clients + 1)
    }

    private var lab: Lab { session.lab }

    /// - Returns: 0 if every guarantee held, 1 if one was violated, 130 if the check was interrupted.
    func run() async -> Int32 {
        defer { session.close() }
        await session.run { [self] client, random in
            let site: Site = random.isTrue(percent: 50) ? .east : .west
            return await step(client, at: site, &random)
        }
        let ending = await settle()
        guard !lab.isStopping else { return 130 }
        return conclude(ending)
    }

    /// The results of the check, computed after the last change of its clients.
    struct Ending {
        let convergence: Convergence.Result
        let verdict: APVerdict
        /// One text per key whose values differ between the sites.
        let differences: [String]

        var violations: [[String]] {
            [convergence.problems, differences, verdict.lost, verdict.invented, verdict.stale]
        }
    }

    /// Waits until the replicas have converged, but at most ``CheckSettings/recoveryMs``. Then reads every key and
    /// judges the history.
    func settle() async -> Ending {
        let convergence = await Convergence(session, quietSinceNs: monotonicNs()).wait()
        let final = await readEverything()
        let verdict = APVerdict(history, final: final, kills: session.kills)
        return Ending(convergence: convergence, verdict: verdict, differences: differences)
    }

    // MARK: Clients

    /// Performs one operation of a client.
    /// - Returns: true if it succeeded, see ``Answer/isAnswer(to:)``.
    func step(_ client: Int, at site: Site, _ random: inout SplitMix64) async -> Bool {
        if let readPercent { return await step(client, at: site, readPercent: readPercent, &random) }
        let draw = random.index(100)
        guard draw >= 25 else {
            let key = keys.blind.draw(&random)
            return await perform(draw < 13 ? .write : .read, key: key, client: client, site: site)
        }
        let key = keys.informed.draw(&random)
        guard draw >= 60 else {
            return await perform(.read, key: key, client: client, site: site)
        }
        // The remembered version may be old, or come from the other site. Changes with such contexts cause conflicts.
        if lastSeen[client][key] == nil { _ = await perform(.read, key: key, client: client, site: site) }
        guard let seen = lastSeen[client][key] else { return false }
        return await perform(draw < 90 ? .write : .delete, key: key, client: client, site: site, seen: seen)
    }

    private func step(
        _ client: Int, at site: Site, readPercent: UInt64, _ random: inout SplitMix64
    ) async -> Bool {
        let isBlind = random.isTrue(percent: 25)
        let key = isBlind ? keys.blind.draw(&random) : keys.informed.draw(&random)
        guard !random.isTrue(percent: readPercent) else {
            return await perform(.read, key: key, client: client, site: site)
        }
        let kind: APOperation.Kind = !isBlind && random.isTrue(percent: 25) ? .delete : .write
        guard !isBlind else { return await perform(kind, key: key, client: client, site: site) }
        guard await perform(.read, key: key, client: client, site: site), let seen = lastSeen[client][key] else {
            return false
        }
        return await perform(kind, key: key, client: client, site: site, seen: seen)
    }

    /// Performs one operation without a context on a key outside the key rings. It counts as a request from the page,
    /// so that a recording always shows its answer.
    /// - Parameter value: the value to write; nil for a read.
    func perform(otherKey key: String, value: String? = nil, client: Int, site: Site) async {
        keys.others.insert(key)
        _ = await perform(
            value == nil ? .read : .write, key: key, client: client, site: site, value: value, by: .page)
    }

    /// - Parameter seen: the answer from which the context comes; nil for an operation without a context.
    /// - Returns: true if the operation succeeded, see ``Answer/isAnswer(to:)``.
    private func perform(
        _ kind: APOperation.Kind, key: String, client: Int, site: Site, seen: Seen? = nil, value: String? = nil,
        by origin: AnswerEvent.Origin = .load
    ) async -> Bool {
        var operation = APOperation(client: client, site: site, key: key, kind: kind, callNs: monotonicNs())
        if let seen {
            operation.hasContext = true
            operation.shown = seen.shown
        }
        if kind == .write {
            nextValue += 1
            operation.value = value ?? "v\(nextValue)"
        }
        let service = session.service(at: site).name
        let calmBefore = session.driver?.calmPeriod(of: service)
        let answer = await session.ask(
            Self.request(operation, seen, service: service), client: client, site: site, by: origin)
        operation.note(answer, returnNs: monotonicNs())
        history.append(operation)
        remember(operation, answer, client)

        let isAnswered = answer.isAnswer(to: kind)
        session.tally.note(
            kind == .read ? "read" : "\(kind.rawValue) \(seen == nil ? "without" : "with") context",
            operation.outcome == .ok ? "ok" : isAnswered ? "404" : operation.outcome == .unknown ? "unknown" : "failed",
            site: site, isSuccess: isAnswered, atNs: operation.returnNs)
        // No answer is required if the service was paused, killed or recovering during the request, or if the session
        // has no fault driver.
        guard let calmBefore, session.driver?.calmPeriod(of: service) == calmBefore else { return isAnswered }
        required[site, default: (0, 0)].count += 1
        guard !isAnswered else {
            required[site]?.answered += 1
            return true
        }
        problems.append(
            "\(session.time(operation.callNs)): \(service) did not answer a \(kind.rawValue) of \(key): \(answer.summary)"
        )
        return false
    }

    private static func request(_ operation: APOperation, _ seen: Seen?, service: String) -> AskRequest {
        let (op, value): (AnswerEvent.Operation, String?) =
            switch operation.kind {
            case .read: (.read, nil)
            case .write: (.write, operation.value)
            case .delete: (.delete, nil)
            }
        return AskRequest(
            service: service, op: op, key: operation.key, value: value,
            context: operation.kind == .read ? nil : seen?.version)
    }

    /// Remembers the version of an answer and the values that this version covers. For a write, these include the new
    /// value.
    private func remember(_ operation: APOperation, _ answer: Answer, _ client: Int) {
        guard operation.outcome == .ok, let version = answer.version?.text else { return }
        let shown = operation.kind == .write ? [operation.value ?? ""] + answer.siblings.sorted() : answer.shown
        lastSeen[client][operation.key] = Seen(version: version, shown: shown)
    }

    // MARK: Verdict

    /// Reads the values of all keys at both sites.
    private func readEverything() async -> [String: [String]] {
        var final: [String: [String]] = [:]
        for key in keys.all where !lab.isStopping {
            var answers: [[String]] = []
            for site in Site.allCases {
                let before = history.count
                _ = await perform(.read, key: key, client: session.lastReader, site: site)
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

    private func conclude(_ ending: Ending) -> Int32 {
        let (convergence, verdict) = (ending.convergence, ending.verdict)
        self.verdict = .init(ending, problems: (session.driver?.problems ?? []) + problems)
        var lines = Site.allCases.map { site in
            let (count, answered) = required[site] ?? (0, 0)
            return "\(site.rawValue): \(answered) of \(count) required answers given"
        }
        let returnMs = Double((session.driver?.slowestReturnNs ?? 0) / nsPerMs)
        lines.append(
            "a paused or killed service served again at most \(Answer.seconds(returnMs)) s after its return")
        lines.append(convergence.text)
        lines.append(
            "checked: \(verdict.acknowledged) acknowledged changes on \(verdict.keys) keys, and the staleness of "
                + "\(verdict.boundedReads) reads; \(verdict.lossesByKills) writes lost with the replicas that acknowledged them"
        )
        return session.conclude(
            outcomes: ["ok", "404", "failed", "unknown"], judged: lines.joined(separator: "\n"),
            violations: [convergence.problems, problems, differences, verdict.lost, verdict.invented, verdict.stale],
            history: history)
    }
}
