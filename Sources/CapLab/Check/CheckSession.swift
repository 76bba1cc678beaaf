import EventLoop
import FoundationEssentials
import Glibc

struct CheckSettings: Sendable {
    /// For how long clients and faults run. Recovery and the verdict take additional time.
    let seconds: UInt64
    let seed: UInt64
    let clients: Int
    /// The directory for the report, and for the files that are written after a violation.
    let outputDirectory: String
    let showsProgress: Bool

    /// Mean pause of a client between two requests.
    static let meanThinkUs: UInt64 = 4_000
    /// A request that has no answer after this time counts as unanswered. A healthy service answers sooner.
    static let requestTimeoutMs: UInt64 = 3_000
    /// The longest time that recovery and convergence may take, each counted from its own start.
    static let recoveryMs: UInt64 = 60_000
}

/// The common part of the checks of both services: clients at both sites, concurrent faults, and the report. Without a
/// ``FaultDriver`` the session injects no faults; a drill does that instead.
final class CheckSession {
    /// After a failed operation, a client pauses this many times longer. Failures are often fast, so with the normal
    /// pause most operations of a check would be failures.
    private static let refusedPauseFactor: UInt64 = 10
    private static let maxShownPerKind = 6
    private static let progressNs = 3_000 * nsPerMs

    let lab: Lab
    let settings: CheckSettings
    let group: GroupName
    let driver: FaultDriver?
    /// Receives every answer to a client, if the run is recorded.
    var answers: AnswerLog?
    /// Kills of Redis servers by something other than the fault driver, for example by a drill.
    var otherKills: [(replica: String, atNs: UInt64)] = []
    var tally: CheckTally
    /// Per site, one connection per client, and a last one for the reads at the end.
    private let connections: [Site: [HTTPConnection]]
    private var startNs = monotonicNs()

    init(_ lab: Lab, _ settings: CheckSettings, group: GroupName, injectsFaults: Bool = true) {
        self.lab = lab
        self.settings = settings
        self.group = group
        driver =
            injectsFaults ? FaultDriver(lab, group: group, seed: settings.seed, needsReachable: group == .ap) : nil
        tally = CheckTally(startNs: startNs)
        let addresses = lab.topology.services.filter { $0.group == group }.map { ($0.site, lab.address(of: $0)) }
        connections = Dictionary(uniqueKeysWithValues: addresses).mapValues { address in
            (0...settings.clients).map { _ in HTTPConnection(to: address, on: lab.reactor) }
        }
    }

    var reactor: Reactor { lab.reactor }
    /// The number of the client that reads all keys at the end.
    var lastReader: Int { settings.clients }

    func service(at site: Site) -> Node {
        lab.topology.services.first { $0.group == group && $0.site == site }!
    }

    var kills: [(replica: String, atNs: UInt64)] { (driver?.kills ?? []) + otherKills }

    /// - Parameter origin: `page` for requests that a recording must show.
    func ask(_ request: AskRequest, client: Int, site: Site, by origin: AnswerEvent.Origin = .load) async -> Answer {
        let (id, sentUs) = (answers?.nextID() ?? 0, lab.elapsedUs)
        let answer = await connections[site]![client].ask(
            request.request, timeoutMs: CheckSettings.requestTimeoutMs)
        answers?.answered(
            AnswerEvent(
                request, answer, by: origin, id: id, sentUs: sentUs, target: lab.curlTarget(request.service)))
        return answer
    }

    func close() {
        for connection in connections.values.joined() { connection.close() }
    }

    /// Runs clients and faults for ``CheckSettings/seconds``. Returns when all faults have been healed.
    /// - Parameter step: performs one operation of a client. If it returns false, the client pauses longer.
    func run(step: @escaping (_ client: Int, _ random: inout SplitMix64) async -> Bool) async {
        let startNs = reactor.nowNs
        let endNs = startNs + settings.seconds * 1_000 * nsPerMs
        self.startNs = monotonicNs()
        tally = CheckTally(startNs: self.startNs)
        let clients = TaskBundle(on: reactor)
        for client in 0..<settings.clients {
            clients.add { [self] in
                var random = SplitMix64(seed: settings.seed, stream: UInt64(client) + 1)
                while reactor.nowNs < endNs, !lab.isStopping {
                    let isDone = await step(client, &random)
                    let meanUs = CheckSettings.meanThinkUs * (isDone ? 1 : Self.refusedPauseFactor)
                    await reactor.sleep(forNs: random.pauseNs(meanUs: meanUs))
                }
            }
        }
        let rest = TaskBundle(on: reactor)
        rest.add { [self] in await driver?.run(untilNs: endNs) }
        if settings.showsProgress { rest.add { [self] in await showProgress(startNs, endNs) } }
        await clients.ended()
        tally.end(atNs: monotonicNs())
        await rest.ended()
    }

    private func showProgress(_ startNs: UInt64, _ endNs: UInt64) async {
        while reactor.nowNs + Self.progressNs <= endNs, !lab.isStopping {
            await reactor.sleep(forNs: Self.progressNs)
            let faults = driver?.counts.values.reduce(0, +) ?? 0
            say(
                "  \((reactor.nowNs - startNs) / (1_000 * nsPerMs)) s: \(tally.operations) operations, "
                    + "\(tally.successes) succeeded; \(faults) faults, \(driver?.activeCount ?? 0) now")
        }
    }

    /// Prints the tables and the first violations of each kind. If there are violations, also writes the faults and the
    /// history to files.
    /// - Returns: the exit code: 0, or 1 if there are violations.
    func conclude(
        outcomes: [String], judged: String, violations: [[String]], history: [some Encodable]
    ) -> Int32 {
        say("\n" + tally.table(outcomes: outcomes))
        say("\n" + CheckTally.faultTable(driver?.counts ?? [:]))
        say("\nlongest time without a success: east \(tally.gapText(.east)), west \(tally.gapText(.west))")
        say(judged)
        let kinds = ([driver?.problems ?? []] + violations).filter { !$0.isEmpty }
        guard !kinds.isEmpty else {
            say("\nHELD: every guarantee of app-\(group.rawValue), as far as its clients can see.")
            return 0
        }
        say("\nVIOLATED:")
        for kind in kinds {
            for violation in kind.prefix(Self.maxShownPerKind) { say("  \(violation)") }
            if kind.count > Self.maxShownPerKind { say("  and \(kind.count - Self.maxShownPerKind) more of this kind") }
        }
        say("Reproduce with: caplab check \(group.rawValue) --seconds \(settings.seconds) --seed \(settings.seed)")
        let faults = (driver?.log ?? []).map { entry in
            "\(time(entry.startNs)) to \(entry.endNs.map(time) ?? "the end"): \(entry.fault.text)"
        }
        write(faults, extension: "faults", what: "faults")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let operations = history.compactMap { try? encoder.encode($0) }.map { String(decoding: $0, as: UTF8.self) }
        write(operations, extension: "jsonl", what: "history")
        return 1
    }

    /// The time since the start, as "12.345 s".
    func time(_ atNs: UInt64) -> String { "\(Double((atNs - min(atNs, startNs)) / nsPerMs) / 1_000) s" }

    /// Writes a file, and prints what it is and its path.
    func write(_ lines: [String], extension name: String, what: String) {
        let path = "\(settings.outputDirectory)/check-\(group.rawValue)-\(settings.seed).\(name)"
        do {
            try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            say("\(what): \(path)")
        } catch {
            complain("caplab: \(path) was not written: \(error)")
        }
    }
}

/// The random numbers of a check. The same seed gives the same random numbers. But real time decides how operations and
/// faults overlap, so a run is not repeated exactly.
extension SplitMix64 {
    /// One of many independent random streams of the same seed.
    init(seed: UInt64, stream: UInt64) {
        var root = SplitMix64(seed: seed)
        self.init(seed: root.next() ^ (stream &* 0xD1B5_4A32_D192_ED03))
        _ = next()
    }

    mutating func milliseconds(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// A random pause: mostly short, rarely long, at most four times the mean.
    mutating func pauseNs(meanUs: UInt64) -> UInt64 {
        // The product of two uniform random numbers has a mean of a quarter of its maximum.
        meanUs * 4 * below(101) * below(101) / 10_000 * 1_000
    }
}
