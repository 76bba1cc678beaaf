import EventLoop
import Redis
import Replication
import TestSupport

@testable import Available

/// Three real servers by default. Each ``APInstance`` on them is a service instance of its own.
final class APServers: Sendable {
    let servers: [RedisServer]

    init(_ count: Int = 3) throws {
        servers = try (0..<count).map { _ in try RedisServer(["--appendonly", "yes", "--appendfsync", "everysec"]) }
    }

    subscript(index: Int) -> RedisServer { servers[index] }
}

/// A replica group that can be cut off from some of its replicas: commands to these are not sent.
final class CutGroup: ReplicaGroup {
    let inner: RedisReplicaGroup
    var cut: ReplicaSet = []
    /// Commands to `replica` with more than `maxBytes` bytes of arguments get no reply.
    var thin: (replica: Int, maxBytes: Int)?
    /// True if the reply to each change is replaced by `OK`, which the engine cannot parse.
    var garblesChanges = false
    /// The replies of these replicas to changes do not arrive.
    var deaf: ReplicaSet = []
    /// By replica: how many changes were sent to it as their coordinator.
    private(set) var changes: [Int: Int] = [:]
    /// By replica: a latency in milliseconds that replaces the measured one.
    var latencyMs: [Int: UInt64] = [:]

    init(_ inner: RedisReplicaGroup) { self.inner = inner }

    var replicaNames: [String] { inner.replicaNames }
    var identityCheck: Command? {
        get { inner.identityCheck }
        set { inner.identityCheck = newValue }
    }
    var delegate: (any ReplicaGroupDelegate)? {
        get { inner.delegate }
        set { inner.delegate = newValue }
    }
    var available: ReplicaSet { inner.available.subtracting(cut) }
    var nearestFirst: [Int] { inner.nearestFirst.filter { !cut.contains($0) } }
    func latencyNs(_ replica: Int) -> UInt64 { latencyMs[replica].map { $0 * nsPerMs } ?? inner.latencyNs(replica) }
    func refusesConnections(_ replica: Int) -> Bool { inner.refusesConnections(replica) }
    func rejectsCommands(_ replica: Int) -> Bool { inner.rejectsCommands(replica) }
    func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var reached = targets.subtracting(cut)
        var lost: ReplicaSet = []
        if let thin, reached.contains(thin.replica), command.arguments.reduce(0, { $0 + $1.count }) > thin.maxBytes {
            reached.remove(thin.replica)
            lost.insert(thin.replica)
        }
        var sink = sink
        if garblesChanges, case .step = command.verb { sink = GarblingSink(sink: sink) }
        var unheard: ReplicaSet = []
        if case .step = command.verb { unheard = reached.intersection(deaf) }
        var result = inner.send(
            command, to: reached.subtracting(unheard), duringAdmission: duringAdmission, sink: sink)
        result.sent.formUnion(
            inner.send(command, to: unheard, duringAdmission: duringAdmission, sink: DroppingSink()).sent)
        if case .step = command.verb {
            for replica in result.sent { changes[replica, default: 0] += 1 }
        }
        result.sent.formUnion(lost)
        return result
    }
}

private final class DroppingSink: ReplySink {
    func receive(_ reply: Reply?, from replica: Int) {}
}

private final class GarblingSink: ReplySink {
    let sink: any ReplySink

    init(sink: any ReplySink) { self.sink = sink }

    func receive(_ reply: Reply?, from replica: Int) { sink.receive(.bulk(Bytes("OK".utf8)), from: replica) }
}

/// Records the events of an engine.
final class APEvents: AvailableEvents {
    var suspected: [Int] = []
    var healed: [Int] = []
    var down: [Int] = []
    var recovered: [Int] = []
    var adopted: [String] = []
    var refused: [String] = []
    var foreign: [Bytes] = []
    var delivered = 0
    var overwritten = 0
    var conflicts = 0
    var collected = 0
    var probes = 0
    var antiEntropyRuns: [(replica: Int, repaired: Int, failure: String?)] = []

    func replicasProbed(_ replicas: [AvailableReplicaStatus]) { probes += 1 }
    func partitionSuspected(replica: Int) { suspected.append(replica) }
    func partitionHealed(replica: Int) { healed.append(replica) }
    func replicaDown(_ replica: Int) { down.append(replica) }
    func replicaRecovered(_ replica: Int) { recovered.append(replica) }
    func replicaAdopted(_ replica: Int, incarnation: String) { adopted.append(incarnation) }
    func replicaRefused(_ replica: Int, reason: String) { refused.append(reason) }
    func foreignKeyFound(replica: Int, redisKey: Bytes) { foreign.append(redisKey) }
    func hintsDelivered(owner: Int, peer: Int, count: Int) { delivered += count }
    func valuesOverwritten(_ count: Int) { overwritten += count }
    func conflictRead(values: Int) { conflicts += 1 }
    func tombstonesCollected(_ count: Int) { collected += count }
    func antiEntropyEnded(replica: Int, compared: Int, repaired: Int, failure: String?) {
        antiEntropyRuns.append((replica, repaired, failure))
    }
}

/// One service instance: a group and an engine on a reactor. Used only on the reactor's thread.
final class APInstance {
    let group: CutGroup
    let engine: AvailableEngine
    let events = APEvents()
    let reactor: Reactor
    let settings: AvailableSettings

    init(
        _ reactor: Reactor, _ servers: APServers, isRunning: Bool = true, prefers: [String] = [],
        links: RedisGroupSettings = .patient, _ adjust: (inout AvailableSettings) -> Void = { _ in }
    ) {
        self.reactor = reactor
        let replicas = servers.servers.enumerated().map { index, server in
            RedisReplica(name: "g\(index + 1)", endpoint: RedisEndpoint(host: "127.0.0.1", port: server.port))
        }
        let inner = RedisReplicaGroup(
            reactor: reactor, replicas: replicas, scripts: AvailableScripts.all, settings: links)
        group = CutGroup(inner)
        var settings = AvailableSettings(groupName: "demo", secret: "a secret of tests", nodeName: "n1")
        settings.background.probeIntervalMs = 50
        settings.background.handoffDelayMs = 100
        settings.timeouts.maxMergeFenceMs = 300
        // On a busy machine a hedge would ask a replica that does not have the test's last write yet. The tests of
        // hedges set their own delays.
        settings.timeouts.minHedgeMs = 5_000
        settings.timeouts.maxHedgeMs = 5_000
        settings.preferredReplicas = Set(prefers)
        adjust(&settings)
        self.settings = settings
        engine = AvailableEngine(group: group, scheduler: reactor, settings: settings, events: events)
        inner.start()
        if isRunning { engine.start() }
    }

    func close() {
        engine.stop()
        group.inner.close()
    }

    func waitForAvailable(_ count: Int = 3) async -> Bool {
        await reactor.eventually { self.engine.replicas.usable.count == count }
    }

    /// Waits until the staleness of all replicas is known; false if it is not after a minute.
    func waitForKnown() async -> Bool {
        await reactor.eventually {
            self.engine.replicas.everyReplica.allSatisfy { self.engine.stalenessMs(replica: $0) != nil }
        }
    }

    private func deadlineNs(_ withinMs: UInt64) -> UInt64 { reactor.nowNs + withinMs * nsPerMs }

    func read(_ key: String, maxStalenessMs: Int64? = nil, withinMs: UInt64 = 15_000) async throws(AvailableFailure)
        -> ReadResult
    {
        try await engine.read(
            ReadRequest(key: Bytes(key.utf8), deadlineNs: deadlineNs(withinMs), maxStalenessMs: maxStalenessMs))
    }

    @discardableResult
    func write(
        _ key: String, _ value: String, context: String? = nil, ttlMs: Int64? = nil, withinMs: UInt64 = 15_000
    ) async throws(AvailableFailure) -> ChangeResult {
        var request = ChangeRequest(
            key: Bytes(key.utf8), kind: .write(Bytes(value.utf8)), deadlineNs: deadlineNs(withinMs))
        request.context = context
        request.ttlMs = ttlMs
        return try await engine.change(request)
    }

    @discardableResult
    func delete(_ key: String, context: String? = nil) async throws(AvailableFailure) -> ChangeResult {
        var request = ChangeRequest(key: Bytes(key.utf8), kind: .delete, deadlineNs: deadlineNs(15_000))
        request.context = context
        return try await engine.change(request)
    }

    func conflicts(after cursor: Bytes? = nil, limit: Int = 10, withinMs: UInt64 = 15_000)
        async throws(AvailableFailure)
        -> ConflictPage
    {
        try await engine.conflicts(after: cursor, limit: limit, deadlineNs: deadlineNs(withinMs))
    }

    /// Writes two concurrent values, and waits until all replicas store both.
    func makeConflict(_ key: String) async throws {
        let seen = try await read(key)
        try await write(key, "a", context: seen.version)
        try await write(key, "b", context: seen.version)
        guard await converged(key) else { throw TestFailure("no conflict on \(key)") }
    }

    /// Runs a command on one replica, even if the replica is cut off.
    func raw(_ replica: Int, _ arguments: String...) async -> Reply? {
        await raw(replica, Command(.plain(arguments.map { Bytes($0.utf8) })))
    }

    func raw(_ replica: Int, _ command: Command) async -> Reply? {
        let call = QuorumCall(group: group.inner, scheduler: reactor, deadlineNs: deadlineNs(5_000))
        call.send(command, to: [replica])
        await call.waitForAll()
        return call.replies[replica]
    }

    /// The record of `key` on one replica, without the field `at`.
    func record(_ key: String, _ replica: Int) async -> Record? {
        guard let fields = await raw(replica, "HGETALL", "ap:\(key)")?.array else { return nil }
        var record = Record()
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let name = fields[index].bytes, let value = fields[index + 1].bytes else { return nil }
            if name == Bytes("vv".utf8) {
                record.vector = VersionVector(text: value) ?? VersionVector()
            } else if name != Bytes("at".utf8), let dot = Dot(text: name), let sibling = Sibling(packed: value) {
                record.siblings[dot] = sibling
            }
        }
        return record
    }

    /// Waits until all replicas store the same record of `key`; false if they do not within `withinMs` milliseconds.
    func converged(_ key: String, withinMs: UInt64 = 60_000) async -> Bool {
        await reactor.eventually(withinMs: withinMs) {
            guard let first = await self.record(key, 0), !first.siblings.isEmpty else { return false }
            for replica in 1..<self.group.replicaCount where await self.record(key, replica) != first { return false }
            return true
        }
    }

    /// Waits until `count` more staleness probes have ended. Each of them starts the background work that is due.
    func waitForProbes(_ count: Int) async -> Bool {
        let target = events.probes + count
        return await reactor.eventually { self.events.probes >= target }
    }

    func incarnation(_ replica: Int) throws -> Bytes {
        try require(engine.replicas[replica].incarnation, "the replica is not admitted")
    }

    func clock(_ replica: Int) throws -> ReplicaClock {
        try require(engine.replicas.clocks[replica], "the replica is not admitted")
    }

    /// The command that writes `value` with `replica` as its coordinator, encoded as the coordinator does it.
    ///
    /// - Parameters:
    ///   - id: the write id.
    ///   - clock: the reading of the replica's clock to use; nil for the one that the engine has.
    func put(
        _ key: String, _ value: String, id: UInt64, at replica: Int = 0, context: String? = nil,
        isLaterAttempt: Bool = true, clock: ReplicaClock? = nil, budgetMs: UInt64 = 1_000
    ) throws -> Command {
        let clock = try clock ?? self.clock(replica)
        let replicas = engine.replicas
        let arguments = PutArguments(
            coordinator: replicas.nameBytes[replica], peers: replicas.peers(of: replica).map { replicas.nameBytes[$0] },
            clock: clock, siblingLimits: [Bytes("32".utf8), Bytes("100000".utf8)], maxHints: Bytes("1000".utf8))
        let request = ChangeRequest(key: Bytes(key.utf8), kind: .write(Bytes(value.utf8)), deadlineNs: 0)
        let change = ClientChange(request, context: context.map { Bytes($0.utf8) }, randomBits: id)
        return arguments.command(
            change, isLaterAttempt: isLaterAttempt,
            notAfter: clock.notAfter(startNs: reactor.nowNs, budgetMs: budgetMs))
    }

    /// The number of hints that `owner` has for `peer`; nil if there is no answer.
    func hints(_ owner: Int, _ peer: Int) async -> Int64? {
        await raw(owner, "ZCARD", "cap:hints:g\(peer + 1)")?.int64
    }
}

extension Reply {
    /// The fields of a reply of `put`: `OK` or `SAME`, hlc, replaced, expires_ms, now, and the vector.
    var putFields: [String] {
        let line = text ?? self[0]?.text ?? ""
        return line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: false).map { String($0) }
    }
}

extension ReadResult {
    var text: String? { value.map { String(decoding: $0, as: UTF8.self) } }
    var conflictTexts: [String?] { conflicts.map { $0.map { String(decoding: $0, as: UTF8.self) } } }
}

private func require<Value>(_ value: Value?, _ detail: String) throws -> Value {
    guard let value else { throw TestFailure(detail) }
    return value
}

/// Runs `body` on the reactor of one instance with three new servers.
///
/// - Parameter isRunning: true if the background work runs.
func withInstance(
    prefers: [String] = ["g1"], isRunning: Bool = true,
    _ adjust: @escaping @Sendable (inout AvailableSettings) -> Void = { _ in },
    _ body: @escaping @Sendable (APInstance, APServers) async throws -> Void
) async throws {
    let servers = try APServers()
    let runner = try ReactorRunner()
    let reactor = runner.reactor
    try await runner.run {
        let instance = APInstance(reactor, servers, isRunning: isRunning, prefers: prefers, adjust)
        defer { instance.close() }
        guard await instance.waitForAvailable() else { throw TestFailure("replicas were not admitted") }
        try await body(instance, servers)
    }
}
