import Consistent
import EventLoop
import Linearizability
import Replication

/// One run of a hand-written schedule, with three acceptors `a`, `b` and `c`, and the scenario's instances and clients.
/// Only the scenario's faults happen. The seed decides how long everything takes, and which server is `a`.
///
/// Some scenarios need certain ballots. An instance that has changed `n` registers of its own has a ballot counter of
/// about `2 n`. So a scenario can give one instance a higher ballot than another
/// (``instance(busyWith:background:pageSize:)``).
public final class CPScenarioRun {
    let world: World
    let a: Int
    let b: Int
    let c: Int
    private let replicas: [SimulatedReplica]
    private var instances: [CPInstance] = []
    private var report: SimulationReport<RegisterOperation>
    private var unansweredCount = 0
    private var clientCount = 0
    private var scriptRuns: [ScriptRun: Int] = [:]

    private struct ScriptRun: Hashable {
        let script: String
        let replica: Int
        /// The Redis key of the counted calls; nil to count calls with any key.
        let key: Bytes?
    }

    /// The event for which the scenario waits did not happen, so the schedule was not tested.
    struct NotReached: Error {
        let what: String
    }

    /// How often an instance does background work.
    enum Background {
        /// No background work within the time of a scenario.
        case none
        /// Every second, as in production.
        case usual
        /// Every 10 ms.
        case frequent

        var settings: ConsistentSettings {
            var settings = ConsistentSettings()
            if self == .usual { return settings }
            settings.background.intervalMs = self == .none ? 3_600_000 : 10
            settings.background.scanIntervalMs = self == .none ? 3_600_000 : 10
            return settings
        }
    }

    public init(seed: UInt64) {
        world = World(seed: seed)
        // The replicas are not in the order of their names, because no rule may depend on the order of `REPLICAS`.
        replicas = SimulatedReplica.group(["g3", "g2", "g1"], in: world)
        let order = [0, 1, 2].shuffled(using: &world.random)
        (a, b, c) = (order[0], order[1], order[2])
        report = SimulationReport(seed: seed)
    }

    /// Runs the scenario to its end and waits for all answers. Then judges what the clients observed.
    public func run(_ scenario: CPScenario) -> SimulationReport<RegisterOperation> {
        guard CPOperator.initialise(replicas, in: world) == .initialized else {
            report.undecided.append("the group was not initialised")
            return report
        }
        for replica in replicas { replica.watcher = self }
        var isOver = false
        world.spawn { [self] in
            do throws(NotReached) {
                try await scenario.play(in: self)
                try await until("every client has its answer") { unansweredCount == 0 }
            } catch {
                report.undecided.append("the schedule did not happen: \(error.what)")
            }
            isOver = true
        }
        report.counts.events = world.run(limitNs: 300_000 * nsPerMs) { isOver }
        if !isOver { report.undecided.append("the schedule did not end") }
        report.counts.virtualMs = world.nowNs / nsPerMs
        report.judge()
        return report
    }

    // MARK: Instances and clients

    /// Starts an instance, and waits until it is connected to all three replicas.
    /// - Parameters:
    ///   - busyWith: how many registers of its own the instance changes, once each, which raises its ballot counter.
    ///   - pageSize: registers per page of its background work; nil for the default.
    func instance(
        busyWith count: Int = 0, background: Background = .none, pageSize: Int? = nil
    ) async throws(NotReached) -> CPInstance {
        var settings = background.settings
        settings.background.pageSize = pageSize ?? settings.background.pageSize
        let instance = CPInstance(
            index: instances.count, world: world, replicas: replicas, near: [], settings: settings)
        instances.append(instance)
        try await until("instance \(instance.index) is connected") { instance.group.available.count == 3 }
        for number in 0..<count {
            await ask(.write("\(number)"), of: "own-\(instance.index)-\(number)", at: instance)
        }
        return instance
    }

    /// Restarts the process of an instance, and waits until it is connected. The new process is another proposer.
    func restart(_ instance: CPInstance) async throws(NotReached) {
        instance.crash()
        instance.restart()
        try await until("instance \(instance.index) is connected again") { instance.group.available.count == 3 }
    }

    /// One request of a client, and its result once it is answered.
    final class Request {
        fileprivate(set) var result: RegisterOperation.Result?
        var isAnswered: Bool { result != nil }
    }

    /// Sends a client's request, without waiting for the answer.
    @discardableResult
    func start(
        _ call: RegisterOperation.Call, of key: String = "k", at instance: CPInstance, withinMs: UInt64 = 10_000
    ) -> Request {
        let request = Request()
        let client = clientCount
        clientCount += 1
        unansweredCount += 1
        let callNs = world.nowNs
        world.spawn { [self] in
            let result = await instance.result(of: call, key: key, deadlineNs: callNs + withinMs * nsPerMs)
            report.history.append(
                RegisterOperation(
                    client: client, key: key, call: call, result: result, callNs: callNs, returnNs: world.nowNs))
            request.result = result
            unansweredCount -= 1
        }
        return request
    }

    /// Sends a client's request and waits for the answer.
    @discardableResult
    func ask(
        _ call: RegisterOperation.Call, of key: String = "k", at instance: CPInstance, withinMs: UInt64 = 10_000
    ) async -> RegisterOperation.Result {
        let request = start(call, of: key, at: instance, withinMs: withinMs)
        while request.result == nil { await world.sleep(Self.stepNs) }
        return request.result!
    }

    /// Writes the value, and waits until all replicas store it.
    func writeEverywhere(_ value: String, at instance: CPInstance) async throws(NotReached) {
        await ask(.write(value), at: instance)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == value } }
    }

    // MARK: The network

    /// Holds what `instance` sends to these replicas. Their replies still arrive.
    func holdRequests(_ instance: CPInstance, to targets: Int...) {
        for replica in targets { instance.paths[replica].cut([.there]) }
    }

    /// Holds what these replicas reply to `instance`.
    func holdReplies(_ instance: CPInstance, from targets: Int...) {
        for replica in targets { instance.paths[replica].cut([.back]) }
    }

    /// Holds both directions between `instance` and these replicas.
    func cut(_ instance: CPInstance, from targets: Int...) {
        for replica in targets { instance.paths[replica].cut() }
    }

    /// Ends all holds between `instance` and these replicas. Everything that was held arrives.
    func heal(_ instance: CPInstance, to targets: Int...) {
        for replica in targets { instance.paths[replica].heal() }
    }

    /// Waits until the instance has closed its connections to these replicas. An instance closes a connection when a
    /// command has had no reply for half a second.
    func connectionsAreClosed(_ instance: CPInstance, to targets: Int...) async throws(NotReached) {
        try await until("the connections are closed: \(summary)") {
            targets.allSatisfy { instance.group.links[$0].connection == nil }
        }
    }

    func connectionsAreBack(_ instance: CPInstance, to targets: Int...) async throws(NotReached) {
        try await until("the connections are back") {
            targets.allSatisfy { instance.group.available.contains($0) }
        }
    }

    // MARK: The replicas

    func replica(_ index: Int) -> SimulatedReplica { replicas[index] }

    /// A field of a key's record on a replica; nil if there is none.
    func field(_ name: String, of key: String = "k", at replica: Int) -> String? {
        replicas[replica].redis.field(name, of: "cp:\(key)")
    }

    func identity(_ name: String, at replica: Int) -> String? {
        replicas[replica].redis.field(name, of: "cap:identity")
    }

    /// How often a replica has run a script.
    func runs(of script: String, at replica: Int) -> Int {
        scriptRuns[ScriptRun(script: script, replica: replica, key: nil)] ?? 0
    }

    /// How often a replica has run a script for a client's key.
    func runs(of script: String, on key: String, at replica: Int) -> Int {
        scriptRuns[ScriptRun(script: script, replica: replica, key: Bytes("cp:\(key)".utf8))] ?? 0
    }

    /// Waits until all three replicas are members, and voters of the same configuration.
    func groupIsWhole() async throws(NotReached) {
        try await until("the group is whole: \(summary)") {
            replicas.allSatisfy { replica in
                replica.redis.field("state", of: "cap:identity") == "member"
                    && replica.redis.field("value", of: "cap:config")?.contains(":learner") == false
            } && Set(replicas.map { $0.redis.field("value", of: "cap:config") }).count == 1
        }
    }

    private var summary: String {
        replicas.map { replica in
            ["state", "epoch"].map { replica.redis.field($0, of: "cap:identity") ?? "-" }.joined(separator: " ")
                + " knows " + (replica.redis.field("value", of: "cap:config") ?? "-")
        }.joined(separator: ", ")
            + instances.map { "; i\($0.index) " + $0.group.links.map(\.summary).joined(separator: ", ") }.joined()
            + instances.flatMap { $0.engine.views }.compactMap(\.rebuild?.note).map { "; " + $0 }.joined()
    }

    /// Runs `app-cp init`.
    func initialise() async { _ = await CPOperator.initialise(replicas, within: world) }

    /// Drops the history so far. Call it when a new group was created: the earlier history must not be judged with the
    /// later one.
    func discardHistory() { report.history.removeAll() }

    /// Reports a violation that the history does not show.
    func reportViolation(_ what: String) { report.violations.append(what) }

    // MARK: Time

    /// The time between two checks of a condition. It is shorter than any network delay, so an event that a check
    /// detects has had no effect elsewhere yet.
    private static let stepNs: UInt64 = 10_000

    func until(
        _ what: @autoclosure () -> String, limitMs: UInt64 = 12_000, _ isSo: () -> Bool
    ) async throws(NotReached) {
        try await until(what(), limitMs, Self.stepNs, isSo)
    }

    /// Waits for an event that may take up to two minutes. Checks every millisecond.
    func untilSlowly(_ what: @autoclosure () -> String, _ isSo: () -> Bool) async throws(NotReached) {
        try await until(what(), 120_000, nsPerMs, isSo)
    }

    private func until(
        _ what: @autoclosure () -> String, _ limitMs: UInt64, _ stepNs: UInt64, _ isSo: () -> Bool
    ) async throws(NotReached) {
        let endNs = world.nowNs + limitMs * nsPerMs
        while !isSo() {
            guard world.nowNs < endNs else { throw NotReached(what: what()) }
            await world.sleep(stepNs)
        }
    }

    /// Waits for a random time of at most `maxUs` microseconds.
    func randomDelay(maxUs: UInt64) async { await world.sleep(world.random.ns(us: 0...maxUs)) }

    func pass(ms: UInt64) async { await world.sleep(ms * nsPerMs) }

    func coinFlip() -> Bool { world.random.isTrue(percent: 50) }
}

extension CPScenarioRun: ScriptWatcher {
    func willRun(_ script: Script, keys: [Bytes], on replica: SimulatedReplica) {}

    func didRun(_ script: Script, keys: [Bytes], arguments: [Bytes], reply: Reply, on replica: SimulatedReplica) {
        for key in [nil] + keys {
            scriptRuns[ScriptRun(script: script.name, replica: replica.index, key: key), default: 0] += 1
        }
    }
}
