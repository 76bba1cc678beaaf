import EventLoop
import FoundationEssentials
import Glibc

/// How a check is to be run.
struct CheckSettings: Sendable {
    /// How long clients and faults go on; healing and judging come after it.
    var seconds: UInt64 = 60
    var seed: UInt64 = 1
    var clients = 12
    /// Between two requests of a client, on average.
    var meanThinkUs: UInt64 = 4_000
    /// Where a violation is written to.
    var outputDirectory = "."
    /// Prints a line every few seconds.
    var showsProgress = false

    /// Longer than any answer of a healthy service: past it a request counts as unanswered.
    static let requestTimeoutMs: UInt64 = 3_000
    /// How long recovery and convergence may take after the last fault is taken away.
    static let recoveryMs: UInt64 = 60_000
}

/// What the checks of both services share: clients at both sites and faults side by side for a while, and what is said of it.
final class CheckSession {
    /// The pause of a client that was refused, in pauses of one that was not.
    private static let refusedPauses: UInt64 = 10
    private static let shownOfASort = 6
    private static let progressNs = 3_000 * nsPerMs

    let lab: Lab
    let settings: CheckSettings
    let group: GroupName
    let driver: FaultDriver
    var tally: CheckTally
    private var connections: [HTTPConnection] = []
    private var startNs = monotonicNs()

    init(_ lab: Lab, _ settings: CheckSettings, group: GroupName) {
        self.lab = lab
        self.settings = settings
        self.group = group
        driver = FaultDriver(lab, group: group, seed: settings.seed, needsReachable: group == .ap)
        tally = CheckTally(startNs: monotonicNs())
    }

    var reactor: Reactor { lab.reactor }

    func service(at site: Site) -> Node {
        lab.topology.services.first { $0.group == group && $0.site == site }!
    }

    /// A connection of its own to each site's service.
    func connect() -> [Site: HTTPConnection] {
        var result: [Site: HTTPConnection] = [:]
        for site in Site.allCases {
            result[site] = HTTPConnection(port: lab.ports[service(at: site).name] ?? 0, on: reactor)
        }
        connections += result.values
        return result
    }

    func close() {
        for connection in connections { connection.close() }
    }

    /// Runs the clients and the faults until the time is over, then heals everything.
    /// - Parameter step: one thing that a client does; false where it was refused or not answered.
    func play(step: @escaping (_ client: Int, _ random: inout SeededRandom) async -> Bool) async {
        let startNs = reactor.nowNs
        let endNs = startNs + settings.seconds * 1_000 * nsPerMs
        self.startNs = monotonicNs()
        tally = CheckTally(startNs: self.startNs)
        let clients = TaskBundle(on: reactor)
        for client in 0..<settings.clients {
            clients.add { [self] in
                var random = SeededRandom(seed: settings.seed, stream: UInt64(client) + 1)
                while reactor.nowNs < endNs, !lab.isStopping {
                    let isDone = await step(client, &random)
                    // Refusals come fast; without a longer pause there would be little else.
                    let meanUs = settings.meanThinkUs * (isDone ? 1 : Self.refusedPauses)
                    await reactor.sleep(forNs: random.pauseNs(meanUs: meanUs))
                }
            }
        }
        let rest = TaskBundle(on: reactor)
        rest.add { [self] in await driver.run(untilNs: endNs) }
        if settings.showsProgress { rest.add { [self] in await showProgress(startNs, endNs) } }
        await clients.ended()
        tally.end(atNs: monotonicNs())
        await rest.ended()
    }

    private func showProgress(_ startNs: UInt64, _ endNs: UInt64) async {
        while reactor.nowNs + Self.progressNs <= endNs, !lab.isStopping {
            await reactor.sleep(forNs: Self.progressNs)
            let faults = driver.counts.values.reduce(0, +)
            say(
                "  \((reactor.nowNs - startNs) / (1_000 * nsPerMs)) s: \(tally.operations) operations, "
                    + "\(tally.successes) succeeded; \(faults) faults, \(driver.activeCount) at the moment")
        }
    }

    /// Prints the tables, and the violations, some of each sort.
    /// - Returns: what the command exits with.
    func conclude(outcomes: [String], judged: String, violations: [[String]]) -> Int32 {
        say("\n" + tally.table(outcomes: outcomes))
        say("\n" + CheckTally.faultTable(driver.counts))
        say("\nlongest time without a success: east \(tally.gapText(.east)), west \(tally.gapText(.west))")
        say(judged)
        let sorts = ([driver.problems] + violations).filter { !$0.isEmpty }
        guard !sorts.isEmpty else {
            say("\nHELD: everything that app-\(group.rawValue) promises, as far as its clients can see.")
            return 0
        }
        say("\nVIOLATED:")
        for sort in sorts {
            for violation in sort.prefix(Self.shownOfASort) { say("  \(violation)") }
            if sort.count > Self.shownOfASort { say("  and \(sort.count - Self.shownOfASort) more like that") }
        }
        say(
            "The same draws again: caplab check \(group.rawValue) --seconds \(settings.seconds) --seed \(settings.seed)"
        )
        return 1
    }

    /// "12.345 s" since the start.
    func time(_ atNs: UInt64) -> String {
        let ms = (atNs - min(atNs, startNs)) / nsPerMs
        let rest = String(ms % 1_000)
        return "\(ms / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest + " s"
    }

    /// Which faults were put on when.
    func writeFaults() {
        let lines = driver.log.map { entry in
            "\(time(entry.startNs)) to \(entry.endNs.map(time) ?? "the end"): \(entry.fault.text)"
        }
        write(lines.joined(separator: "\n") + "\n", extension: "faults", what: "faults")
    }

    /// Writes a file of the violation, and says where.
    func write(_ text: String, extension name: String, what: String) {
        let path = "\(settings.outputDirectory)/check-\(group.rawValue)-\(settings.seed).\(name)"
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            say("\(what): \(path)")
        } catch {
            complain("caplab: \(path) could not be written: \(error)")
        }
    }

    /// One line of JSON each.
    func writeHistory<Operation: Encodable>(_ history: [Operation]) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let lines = history.compactMap { try? encoder.encode($0) }.map { String(decoding: $0, as: UTF8.self) }
        write(lines.joined(separator: "\n") + "\n", extension: "jsonl", what: "history")
    }
}
