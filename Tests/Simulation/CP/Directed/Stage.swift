import Consistent
import EventLoop
import Linearizability
import Replication

/// Where a hand-written schedule is played: three acceptors `a`, `b` and `c`, and whatever instances and clients the story
/// asks for. Nothing goes wrong but what the story says; how long everything takes is drawn from the seed, and so is which
/// server is `a`.
///
/// Ballots are part of a story. An instance that changed `n` registers of its own begins with a counter of about `2 n`, so a
/// story says how busy an instance was to give it the higher or the lower ballot (``instance(busyWith:upkeep:)``).
public final class Stage {
    let world: World
    let a: Int
    let b: Int
    let c: Int
    private let replicas: [SimulatedReplica]
    private var instances: [CPInstance] = []
    private var report: CPSimulation.Report
    private var unansweredCount = 0
    private var clientCount = 0
    private var scriptRuns: [ScriptRun: Int] = [:]

    private struct ScriptRun: Hashable {
        let script: String
        let replica: Int
    }

    /// What the story waits for has not happened: the schedule did not come to pass.
    struct Missed: Error {
        let what: String
    }

    /// What background work an instance does.
    enum Upkeep {
        /// None within the time that a story takes.
        case none
        /// As often as in production: once a second.
        case usual
        /// All of it, every few milliseconds instead of every second.
        case hasty

        var settings: ConsistentSettings {
            var settings = ConsistentSettings()
            if self == .usual { return settings }
            settings.upkeepIntervalMs = self == .none ? 3_600_000 : 10
            settings.walkIntervalMs = self == .none ? 3_600_000 : 10
            return settings
        }
    }

    public init(seed: UInt64) {
        world = World(seed: seed)
        let lua = LuaHost()
        let world = world
        replicas = (0..<3).map { SimulatedReplica(index: $0, world: world, lua: lua, isSyncAlways: true) }
        let order = [0, 1, 2].shuffled(using: &world.random)
        (a, b, c) = (order[0], order[1], order[2])
        report = CPSimulation.Report(seed: seed)
    }

    /// Plays the story to its end, lets everybody answer, and judges what the clients saw.
    public func run(_ scenario: CPScenario) -> CPSimulation.Report {
        guard CPOperator.initialise(replicas, in: world) == .initialized else {
            report.undecided.append("the group was not initialised")
            return report
        }
        for replica in replicas { replica.watcher = self }
        var isOver = false
        world.spawn { [self] in
            do throws(Missed) {
                try await scenario.play(on: self)
                try await until("every client has its answer") { unansweredCount == 0 }
            } catch {
                report.undecided.append("the schedule did not come to pass: \(error.what)")
            }
            isOver = true
        }
        report.events = world.run(limitNs: 300_000 * nsPerMs) { isOver }
        if !isOver { report.undecided.append("the schedule did not come to its end") }
        report.virtualMs = world.nowNs / nsPerMs
        report.judge()
        return report
    }

    // MARK: Instances and clients

    /// A new instance, connected to all three.
    /// - Parameters:
    ///   - busyWith: how many registers of its own it has changed, each once: what raises its counter.
    ///   - pageSize: how many registers its background work takes at a time; nil for the usual.
    func instance(
        busyWith count: Int = 0, upkeep: Upkeep = .none, pageSize: Int? = nil
    ) async throws(Missed) -> CPInstance {
        var settings = upkeep.settings
        settings.pageSize = pageSize ?? settings.pageSize
        let instance = CPInstance(
            index: instances.count, world: world, replicas: replicas, near: [], settings: settings)
        instances.append(instance)
        try await until("instance \(instance.index) is connected") { instance.group.available.count == 3 }
        for number in 0..<count {
            await ask(.write("\(number)"), of: "own-\(instance.index)-\(number)", at: instance)
        }
        return instance
    }

    /// The same program started again is another proposer.
    func restart(_ instance: CPInstance) async throws(Missed) {
        instance.crash()
        instance.restart()
        try await until("instance \(instance.index) is connected again") { instance.group.available.count == 3 }
    }

    /// A client's request under way.
    final class Request {
        fileprivate(set) var result: RecordedOperation.Result?
        var isAnswered: Bool { result != nil }
    }

    /// A client asks and the story goes on.
    @discardableResult
    func begin(
        _ call: RecordedOperation.Call, of key: String = "k", at instance: CPInstance, withinMs: UInt64 = 10_000
    ) -> Request {
        let request = Request()
        let client = clientCount
        clientCount += 1
        unansweredCount += 1
        let callNs = world.nowNs
        world.spawn { [self] in
            var result: RecordedOperation.Result?
            let isAnswered = await instance.run { [engine = instance.engine] in
                result = await CPRequest.run(call, key: key, on: engine, deadlineNs: callNs + withinMs * nsPerMs)
            }
            let known = isAnswered ? result ?? .unknown : call == .read ? .notApplied : .unknown
            report.history.append(
                RecordedOperation(
                    client: client, key: key, call: call, result: known, callNs: callNs, returnNs: world.nowNs))
            request.result = known
            unansweredCount -= 1
        }
        return request
    }

    /// A client asks, and the story waits for the answer, whatever it is.
    @discardableResult
    func ask(
        _ call: RecordedOperation.Call, of key: String = "k", at instance: CPInstance, withinMs: UInt64 = 10_000
    ) async -> RecordedOperation.Result {
        let request = begin(call, of: key, at: instance, withinMs: withinMs)
        while request.result == nil { await world.sleep(Self.stepNs) }
        return request.result!
    }

    /// A client writes, and the story goes on when all replicas hold it.
    func writeEverywhere(_ value: String, at instance: CPInstance) async throws(Missed) {
        await ask(.write(value), at: instance)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == value } }
    }

    // MARK: The network

    /// What `instance` sends to these waits on the way; what they answer still comes.
    func hold(_ instance: CPInstance, to targets: Int...) {
        for replica in targets { instance.paths[replica].isCutThere = true }
    }

    /// What these answer to `instance` waits on the way.
    func mute(_ instance: CPInstance, from targets: Int...) {
        for replica in targets { instance.paths[replica].isCutBack = true }
    }

    /// Nothing passes between `instance` and these.
    func cut(_ instance: CPInstance, from targets: Int...) {
        for replica in targets {
            instance.paths[replica].isCutThere = true
            instance.paths[replica].isCutBack = true
        }
    }

    /// All passes again, and what waited arrives.
    func join(_ instance: CPInstance, to targets: Int...) {
        for replica in targets {
            instance.paths[replica].isCutThere = false
            instance.paths[replica].isCutBack = false
        }
    }

    /// What was sent to these half a second ago counts as lost: the connections were given up.
    func connectionsAreGivenUp(_ instance: CPInstance, to targets: Int...) async throws(Missed) {
        try await until("the connections are given up: \(summary)") {
            targets.allSatisfy { instance.group.links[$0].connection == nil }
        }
    }

    func connectionsAreBack(_ instance: CPInstance, to targets: Int...) async throws(Missed) {
        try await until("the connections are back") {
            targets.allSatisfy { instance.group.available.contains($0) }
        }
    }

    // MARK: The replicas

    func replica(_ index: Int) -> SimulatedReplica { replicas[index] }

    /// A field of the record of a key; nil where there is none.
    func field(_ name: String, of key: String = "k", at replica: Int) -> String? {
        replicas[replica].redis.field(name, of: "cp:\(key)")
    }

    func identity(_ name: String, at replica: Int) -> String? {
        replicas[replica].redis.field(name, of: "cap:identity")
    }

    /// How often a replica has run a script.
    func runs(of script: String, at replica: Int) -> Int {
        scriptRuns[ScriptRun(script: script, replica: replica)] ?? 0
    }

    /// All three are members, and the configuration that they hold counts all.
    func groupIsWhole() async throws(Missed) {
        try await until("the group is whole: \(summary)") {
            replicas.allSatisfy { replica in
                replica.redis.field("state", of: "cap:identity") == "member"
                    && replica.redis.field("value", of: "cap:config")?.contains("learning") == false
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

    /// `app-cp init`.
    func initialise() async { _ = await CPOperator.initialise(replicas, within: world) }

    /// What clients saw so far is another group's story, and not judged with what follows.
    func beginAnew() { report.history.removeAll() }

    /// Something that is wrong, whatever the order in which things happened.
    func complain(_ what: String) { report.violations.append(what) }

    // MARK: Time

    /// Shorter than anything takes from one replica to the next: what was waited for has had no effect elsewhere yet.
    private static let stepNs: UInt64 = 10_000

    func until(_ what: @autoclosure () -> String, limitMs: UInt64 = 12_000, _ isSo: () -> Bool) async throws(Missed) {
        try await until(what(), limitMs, Self.stepNs, isSo)
    }

    /// The same for what takes minutes, looked at every millisecond.
    func untilSlowly(_ what: @autoclosure () -> String, _ isSo: () -> Bool) async throws(Missed) {
        try await until(what(), 120_000, nsPerMs, isSo)
    }

    private func until(
        _ what: @autoclosure () -> String, _ limitMs: UInt64, _ stepNs: UInt64, _ isSo: () -> Bool
    ) async throws(Missed) {
        let endNs = world.nowNs + limitMs * nsPerMs
        while !isSo() {
            guard world.nowNs < endNs else { throw Missed(what: what()) }
            await world.sleep(stepNs)
        }
    }

    /// Nothing happens for a while of the seed's choice.
    func dawdle(maxUs: UInt64) async { await world.sleep(world.random.ns(us: 0...maxUs)) }

    func pass(ms: UInt64) async { await world.sleep(ms * nsPerMs) }

    func isHeads() -> Bool { world.random.isTrue(percent: 50) }
}

extension Stage: ScriptWatcher {
    func willRun(_ script: Script, keys: [Bytes], on replica: SimulatedReplica) {}

    func didRun(_ script: Script, keys: [Bytes], arguments: [Bytes], reply: Reply, on replica: SimulatedReplica) {
        scriptRuns[ScriptRun(script: script.name, replica: replica.index), default: 0] += 1
    }
}
