import EventLoop
import Linearizability

/// Runs clients of `app-cp` at both sites while real faults occur, and checks that their history is linearizable.
final class CPCheck {
    /// How much earlier than its time to live a value may expire, because a clock may be adjusted meanwhile.
    private static let clockSlackNs = 50 * nsPerMs

    private struct Keys {
        var registers: KeyRing
        var counters: KeyRing?
        /// Keys that are in none of the key rings.
        var others: Set<String> = []

        var all: [String] { registers.all + (counters?.all ?? []) + others.sorted() }
    }

    private let session: CheckSession
    private let readPercent: UInt64?
    private var keys: Keys
    private(set) var history: [RegisterOperation] = []
    private var counters: [String: CounterTally] = [:]
    /// By key: the last version that a client observed.
    private var lastVersion: [String: UInt64] = [:]
    private var nextValue = 0
    private(set) var problems: [String] = []
    /// Nil until ``run()`` has judged the history.
    private(set) var verdict: RunSummary.Verdict?

    /// - Parameters:
    ///   - keyCount: how many keys clients use at the same time, at least 3.
    ///   - readPercent: the percentage of operations that are reads. If nil, the check uses a fixed mix, which also has
    ///     increments of counters and values that expire.
    init(_ session: CheckSession, keyCount: Int = 7, readPercent: UInt64? = nil) {
        self.session = session
        self.readPercent = readPercent
        precondition(keyCount >= 3, "three keys are in use at the same time")
        keys = Keys(registers: KeyRing(prefix: "k", lasting: 2, shortLived: keyCount - 2, usesPerKey: 400))
        guard readPercent == nil else { return }
        keys.counters = KeyRing(prefix: "counter", lasting: 0, shortLived: 1, usesPerKey: 2_000)
    }

    /// - Returns: 0 if every guarantee held, 1 if one was violated, 130 if the check was interrupted.
    func run() async -> Int32 {
        defer { session.close() }
        await session.run { [self] client, random in
            let site: Site = random.isTrue(percent: 50) ? .east : .west
            return await step(client, at: site, &random)
        }
        await readEverything()
        guard !session.lab.isStopping else { return 130 }
        return conclude()
    }

    // MARK: Clients

    /// Performs one operation of a client.
    /// - Returns: false if the operation was not applied, or if its outcome is unknown. A failed precondition (412)
    ///   returns true.
    func step(_ client: Int, at site: Site, _ random: inout SplitMix64) async -> Bool {
        if keys.counters != nil, random.isTrue(percent: 15), let counter = keys.counters?.draw(&random) {
            return await increment(counter, client, site)
        }
        let key = keys.registers.draw(&random)
        nextValue += 1
        let value = "v\(nextValue)"
        var ttlMs: UInt64?
        let call: RegisterOperation.Call
        // The fixed mix below has 40 % reads. If `readPercent` is given, it replaces this share. The changes keep their
        // proportions, but no write has a time to live.
        let draw = readPercent.map { random.isTrue(percent: $0) ? 0 : 40 + random.index(60) } ?? random.index(100)
        switch draw {
        case 0..<40: call = .read
        case 40..<62: call = .write(value)
        case 62..<66 where readPercent == nil:
            call = .write(value)
            ttlMs = random.milliseconds(20...500)
        case 62..<66: call = .write(value)
        case 66..<74: call = .delete
        case 74..<82: call = .create(value)
        default: call = lastVersion[key].map { .compareAndSet(version: $0, value) } ?? .create(value)
        }
        let result = await perform(call, key: key, client: client, site: site, ttlMs: ttlMs)
        return result != .notApplied && result != .unknown
    }

    /// Performs one operation on a key outside the key rings. It counts as a request from the page, so that a recording
    /// always shows its answer.
    func perform(_ call: RegisterOperation.Call, otherKey key: String, client: Int, site: Site) async {
        keys.others.insert(key)
        _ = await perform(call, key: key, client: client, site: site, by: .page)
    }

    private func perform(
        _ call: RegisterOperation.Call, key: String, client: Int, site: Site, ttlMs: UInt64? = nil,
        by origin: AnswerEvent.Origin = .load
    ) async -> RegisterOperation.Result {
        let request = CPAnswer.request(call, service: session.service(at: site).name, key: key, ttlMs: ttlMs)
        let callNs = monotonicNs()
        let answer = await session.ask(request, client: client, site: site, by: origin)
        let returnNs = monotonicNs()
        let result = CPAnswer.result(call, answer)
        var isSuccess = true
        switch result {
        case .value(_, let version), .applied(let version), .absent(let version), .preconditionFailed(let version):
            lastVersion[key] = version
        case .notApplied, .unknown: isSuccess = false
        }
        session.tally.note(
            CPAnswer.kind(call), CPAnswer.outcome(result), site: site, isSuccess: isSuccess, atNs: returnNs)
        let operation = RegisterOperation(
            client: client, key: key, call: call, result: result, callNs: callNs, returnNs: returnNs)
        history.append(operation)
        if let ttlMs, case .write(let value) = call, result != .notApplied {
            let endNs = callNs + ttlMs * nsPerMs
            let earliestNs = max(callNs, endNs - min(endNs, Self.clockSlackNs))
            history.append(
                RegisterOperation(
                    client: client, key: key, call: .expire(value), result: .unknown, callNs: earliestNs,
                    returnNs: earliestNs))
        }
        return result
    }

    /// Reads a counter, then raises it by one with a compare-and-set, or creates it.
    private func increment(_ key: String, _ client: Int, _ site: Site) async -> Bool {
        guard case .value(let seen, let version) = await perform(.read, key: key, client: client, site: site)
        else { return false }
        let count = (seen.map(CounterTally.count(of:)) ?? 0) + 1
        nextValue += 1
        let value = "\(count)-c\(client)-\(nextValue)"
        let call: RegisterOperation.Call = seen == nil ? .create(value) : .compareAndSet(version: version, value)
        switch await perform(call, key: key, client: client, site: site) {
        case .applied: counters[key, default: CounterTally()].noteApplied(count)
        case .unknown:
            counters[key, default: CounterTally()].noteUnknown()
            return false
        case .notApplied: return false
        case .value, .absent, .preconditionFailed: break
        }
        return true
    }

    // MARK: Verdict

    /// Reads every key at both sites. After the heal, each site must serve all keys within
    /// ``CheckSettings/recoveryMs``.
    func readEverything() async {
        let client = session.lastReader
        for site in Site.allCases {
            let endNs = session.reactor.nowNs + CheckSettings.recoveryMs * nsPerMs
            for key in keys.all {
                var isServed = false
                while !isServed, session.reactor.nowNs < endNs, !session.lab.isStopping {
                    if case .value = await perform(.read, key: key, client: client, site: site) {
                        isServed = true
                    } else {
                        await session.reactor.sleep(forNs: 50 * nsPerMs)
                    }
                }
                guard isServed || session.lab.isStopping else {
                    problems.append(
                        "\(site) did not serve \(key) within \(CheckSettings.recoveryMs / 1_000) s of the heal")
                    break
                }
            }
        }
    }

    private func conclude() -> Int32 {
        let verdict = CPVerdict(history)
        var violations: [String] = []
        var final = 0
        for (key, counter) in counters.sorted(by: { $0.key < $1.key }) {
            let count = lastCount(key)
            final += count
            violations += counter.violations(final: count).map { "\(key): \($0)" }
        }
        self.verdict = .init(verdict, problems: (session.driver?.problems ?? []) + problems + violations)
        let exitCode = session.conclude(
            outcomes: ["ok", "412", "not applied", "unknown"],
            judged: "checked: \(history.count) operations on \(verdict.keys) keys; counters are at \(final) after "
                + "\(counters.values.reduce(0) { $0 + $1.increments }) increments and "
                + "\(counters.values.reduce(0) { $0 + $1.unknown }) with an unknown outcome",
            violations: [problems, violations, verdict.violations], history: history)
        if let text = verdict.tableOfFailingPrefix { say("\n\(text)\n") }
        if let prefix = verdict.failingPrefix {
            session.write([Timeline(prefix).html], extension: "html", what: "timeline")
        }
        return exitCode
    }

    /// The counter's value in the last read; 0 if the counter does not exist.
    private func lastCount(_ key: String) -> Int {
        for operation in history.reversed() where operation.key == key {
            if case .value(let value, _) = operation.result { return value.map(CounterTally.count(of:)) ?? 0 }
        }
        return 0
    }
}
