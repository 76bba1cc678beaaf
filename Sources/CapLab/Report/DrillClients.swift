import DequeModule
import EventLoop

/// The clients of a drill at all four services. Most of them generate the load. In addition, one simulated person per
/// service reads and writes the drill's key.
///
/// They are the same clients as in `caplab check`. Each sends one request at a time, so that the checkers can judge the
/// history. Confined to the thread of the lab's reactor.
final class DrillClients {
    /// How many clients generate the load of each service: one for each request that may wait for its answer.
    private static let perService = LoadGenerator.maxInFlight

    private let lab: Lab
    private let sessions: [GroupName: CheckSession]
    private let cp: CPCheck
    private let ap: APCheck
    /// By service: the clients that have no request in flight.
    private var free: [String: Deque<Int>] = [:]
    private var randoms: [SplitMix64]
    private var inFlight = 0
    private var busyPeople: Set<String> = []

    init(_ lab: Lab, _ load: Drill.Load, _ answers: AnswerLog) {
        self.lab = lab
        let siteCount = Site.allCases.count
        let count = (Self.perService + 1) * siteCount
        let seed = UInt64.random(in: 1...999_999)
        let settings = CheckSettings(
            seconds: 0, seed: seed, clients: count, outputDirectory: ".", showsProgress: false)
        sessions = Dictionary(
            uniqueKeysWithValues: GroupName.allCases.map { group in
                let session = CheckSession(lab, settings, group: group, injectsFaults: false)
                session.answers = answers
                return (group, session)
            })
        cp = CPCheck(sessions[.cp]!, keyCount: load.keys, readPercent: UInt64(load.readPercent))
        ap = APCheck(sessions[.ap]!, keyCount: load.keys, readPercent: UInt64(load.readPercent))
        randoms = (0..<count).map { SplitMix64(seed: seed, stream: UInt64($0) + 1) }
        for service in lab.topology.services {
            let first = Self.first(service.site)
            free[service.name] = Deque(first..<first + Self.perService)
        }
    }

    /// The first client number of a site. The sites have different client numbers, because the operations of both sites
    /// form one history.
    private static func first(_ site: Site) -> Int { site == .east ? 0 : perService }
    private static func person(_ site: Site) -> Int { 2 * perService + (site == .east ? 0 : 1) }

    func close() {
        for session in sessions.values { session.close() }
    }

    // MARK: Operations

    /// Performs one operation of the load. Skips it if all clients of the service have a request in flight.
    func step(at name: String) async {
        guard let service = lab.topology.node(name), let client = free[name]?.popFirst() else { return }
        var random = randoms[client]
        inFlight += 1
        switch service.group {
        case .cp: _ = await cp.step(client, at: service.site, &random)
        case .ap: _ = await ap.step(client, at: service.site, &random)
        }
        inFlight -= 1
        randoms[client] = random
        free[name]?.append(client)
    }

    /// Reads the drill's key at a service, or writes it, as the person at this service.
    func person(at service: Node, writes value: String? = nil) async {
        // A person with a request in flight skips a read. A write waits instead, because it must not be left out.
        while busyPeople.contains(service.name) {
            guard value != nil, !lab.isStopping else { return }
            await lab.reactor.sleep(forNs: 10 * nsPerMs)
        }
        busyPeople.insert(service.name)
        defer { busyPeople.remove(service.name) }
        let client = Self.person(service.site)
        switch service.group {
        case .cp:
            await cp.perform(value.map { .write($0) } ?? .read, otherKey: Drill.key, client: client, site: service.site)
        case .ap: await ap.perform(otherKey: Drill.key, value: value, client: client, site: service.site)
        }
    }

    /// Waits until all operations have ended. Each of their requests takes at most ``CheckSettings/requestTimeoutMs``.
    func ended() async {
        while inFlight > 0 || !busyPeople.isEmpty, !lab.isStopping { await lab.reactor.sleep(forNs: 10 * nsPerMs) }
    }

    // MARK: Verdict

    /// Waits until the AP replicas have converged and `app-cp` serves every key. Reads every key of both, and judges
    /// both histories.
    func judge(kills: [(replica: String, group: GroupName, atNs: UInt64)]) async -> RunSummary.Verdict {
        for (group, session) in sessions {
            session.otherKills = kills.filter { $0.group == group }.map { ($0.replica, $0.atNs) }
        }
        let ending = await ap.settle()
        await cp.readEverything()
        guard !lab.isStopping else { return RunSummary.Verdict() }
        return .init(CPVerdict(cp.history), problems: cp.problems, ending)
    }
}

extension RunSummary.Verdict {
    /// The combined verdict on both services.
    init(_ cp: CPVerdict, problems: [String], _ ap: APCheck.Ending) {
        self.init(cp, problems: problems)
        add(ap)
    }

    init(_ cp: CPVerdict, problems: [String]) {
        isLinearizable = cp.isLinearizable
        linearizableDetail = "\(cp.operations) operations on \(cp.keys) CP keys checked"
        violations = problems + cp.violations
    }

    init(_ ap: APCheck.Ending, problems: [String]) {
        violations = problems
        add(ap)
        convergedInMs = ap.convergence.tookMs
    }

    private mutating func add(_ ap: APCheck.Ending) {
        violations += ap.violations.flatMap(\.self)
        acknowledgedWrites = ap.verdict.acknowledged
        lostWrites = ap.verdict.lost.count
        lostWithReplicas = ap.verdict.lossesByKills
    }
}
