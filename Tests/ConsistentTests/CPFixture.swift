import EventLoop
import Glibc
import Redis
import Replication
import TestSupport
import Testing

@testable import Consistent

/// Three real servers. Each ``CPInstance`` on them is a service instance of its own.
final class CPServers: Sendable {
    let servers: [RedisServer]

    init() throws {
        // As in the services: a write to a killed server must not end the process.
        signal(SIGPIPE, SIG_IGN)
        servers = try (0..<3).map { _ in try RedisServer() }
    }

    /// Uses servers that already run, in this order.
    init(_ servers: [RedisServer]) { self.servers = servers }

    subscript(index: Int) -> RedisServer { servers[index] }
}

/// A suite on three real servers of its own.
protocol CPSuite {
    var testbed: CPTestbed { get }
}

/// Three servers, and the reactor on which the instances of a test run.
final class CPTestbed: Sendable {
    let runner: ReactorRunner
    let servers: CPServers

    init() throws {
        runner = try ReactorRunner()
        servers = try CPServers()
    }
}

extension CPSuite {
    var runner: ReactorRunner { testbed.runner }
    var servers: CPServers { testbed.servers }

    /// The ballots at which the replicas have accepted the register.
    func ballots(of key: String) throws -> Set<String> {
        Set(try servers.servers.map { try $0.cli("HGET", "cp:\(key)", "ballot") })
    }

    /// Runs `body` on the reactor, after it has created a group.
    func runOnGroup(_ body: @escaping @Sendable (Reactor) async throws -> Void) async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            try await body(reactor)
        }
    }

    /// Creates a group, and runs `body` with an instance that is connected to all its replicas.
    /// - Parameter backgroundMs: how often background work takes a step; nil for no background work.
    func run(
        backgroundMs: UInt64? = nil, scanMs: UInt64 = 600_000, probeTimeoutMs: UInt64 = 300,
        _ body: @escaping @Sendable (CPInstance) async throws -> Void
    ) async throws {
        try await runOnGroup { [servers] reactor in
            let instance = CPInstance(
                reactor, servers, backgroundMs: backgroundMs, scanMs: scanMs, probeTimeoutMs: probeTimeoutMs)
            #expect(await instance.waitForAll())
            try await body(instance)
            instance.close()
        }
    }
}

/// One service instance: a group and an engine on a reactor. Used only on the reactor's thread.
final class CPInstance {
    let group: RedisReplicaGroup
    let engine: ConsistentEngine
    let counts = EventCounts()
    let reactor: Reactor

    /// - Parameter backgroundMs: how often background work takes a step; nil for no background work.
    init(
        _ reactor: Reactor, _ servers: CPServers, settings: RedisGroupSettings = .patient,
        backgroundMs: UInt64? = nil, scanMs: UInt64 = 600_000, probeTimeoutMs: UInt64 = 300
    ) {
        self.reactor = reactor
        group = RedisReplicaGroup(
            reactor: reactor, replicas: Self.replicas(servers), scripts: ConsistentScripts.all, settings: settings)
        var engineSettings = ConsistentSettings()
        engineSettings.background.intervalMs = backgroundMs ?? 1_000
        engineSettings.background.scanIntervalMs = scanMs
        engineSettings.probes.timeoutMs = probeTimeoutMs
        engine = ConsistentEngine(group: group, scheduler: reactor, settings: engineSettings, events: counts)
        group.start()
        if backgroundMs != nil { engine.start() }
    }

    deinit { close() }

    func close() {
        engine.stop()
        group.close()
    }

    static func replicas(_ servers: CPServers) -> [RedisReplica] {
        servers.servers.enumerated().map { index, server in
            RedisReplica(name: "g\(index + 1)", endpoint: RedisEndpoint(host: "127.0.0.1", port: server.port))
        }
    }

    static func initialize(_ reactor: Reactor, _ servers: CPServers) async -> GroupInitializer.Result {
        let group = RedisReplicaGroup(
            reactor: reactor, replicas: replicas(servers), scripts: ConsistentScripts.all,
            settings: .patient)
        let initializer = GroupInitializer(group: group, scheduler: reactor, groupName: "cp")
        group.start()
        defer { group.close() }
        return await initializer.run(deadlineNs: reactor.nowNs + 20_000 * nsPerMs)
    }

    func waitForAll() async -> Bool {
        await reactor.eventually { self.group.available == self.group.everyReplica }
    }

    func waitForAvailable(_ count: Int) async -> Bool {
        await reactor.eventually { self.group.available.count == count }
    }

    /// Sends a plain command to one replica. Unlike `redis-cli`, it does not block the reactor.
    func ask(_ replica: Int, _ arguments: String...) async -> Reply? { await ask(replica, arguments) }

    func ask(_ replica: Int, _ arguments: [String]) async -> Reply? {
        let call = QuorumCall(group: group, scheduler: reactor, deadlineNs: deadlineNs(5_000))
        call.send(Command(.plain(arguments.map { Bytes($0.utf8) })), to: [replica])
        await call.waitForAll()
        return call.reply(from: replica)
    }

    /// How many replicas hold a record of `key`; nil if one does not answer.
    func holders(of key: String) async -> Int64? {
        var count: Int64 = 0
        for replica in group.everyReplica {
            guard case .integer(let exists)? = await ask(replica, "EXISTS", "cp:\(key)") else { return nil }
            count += exists
        }
        return count
    }

    /// True if all replicas hold the same number of clients' keys.
    func holdEqualKeyCounts() async -> Bool {
        var counts: Set<Int> = []
        for replica in group.everyReplica {
            guard let keys = await ask(replica, "KEYS", "cp:*")?.array else { return false }
            counts.insert(keys.count)
        }
        return counts.count == 1
    }

    private func deadlineNs(_ withinMs: UInt64) -> UInt64 { reactor.nowNs + withinMs * nsPerMs }

    func read(_ key: String, withinMs: UInt64 = 10_000) async throws(StoreFailure) -> ReadResult {
        try await engine.read(ReadRequest(key: Bytes(key.utf8), deadlineNs: deadlineNs(withinMs)))
    }

    @discardableResult
    func write(
        _ key: String, _ value: String, if precondition: Precondition? = nil, ttlMs: Int64? = nil,
        withinMs: UInt64 = 10_000
    ) async throws(StoreFailure) -> ChangeResult {
        var request = ChangeRequest(
            key: Bytes(key.utf8), kind: .write(Bytes(value.utf8)), deadlineNs: deadlineNs(withinMs))
        request.precondition = precondition
        request.ttlMs = ttlMs
        return try await engine.change(request)
    }

    func delete(_ key: String) async throws(StoreFailure) -> ChangeResult {
        try await engine.change(ChangeRequest(key: Bytes(key.utf8), kind: .delete, deadlineNs: deadlineNs(10_000)))
    }
}

extension ReadResult {
    var text: String? { value.map { String(decoding: $0, as: UTF8.self) } }
}
