import EventLoop
import HTTP
import Redis
import Replication
import Testing
import TestSupport

@testable import RateLimiting

private let alice = LimitedClient.token(name: "alice")
/// One permit an hour: nothing accrues during a test.
private let burst: UInt64 = 300

/// Instances on real servers, used from the reactor's thread only.
private final class Instances {
    private let groups: [RedisReplicaGroup]
    let limiters: [ClientLimiter]
    private let reactor: Reactor
    /// Calls that no replica answered.
    private(set) var failures = 0

    /// After this time without an answer, another replica counts, from the start. On a busy machine, the 50 ms of the
    /// services would be too short for exact limits.
    private static let replicaTimeoutMs: UInt64 = 10_000

    init(_ count: Int, _ reactor: Reactor, _ servers: [RedisServer], _ limits: RateLimits) {
        let replicas = servers.enumerated().map { index, server in
            RedisReplica(name: "g\(index + 1)", endpoint: RedisEndpoint(host: "127.0.0.1", port: server.port))
        }
        var settings = RedisGroupSettings()
        settings.timeouts.callMs = Self.replicaTimeoutMs
        settings.timeouts.stallMs = Self.replicaTimeoutMs
        let groups = (0..<count).map { _ in
            RedisReplicaGroup(
                reactor: reactor, replicas: replicas, scripts: ClientLimiter.scripts, settings: settings)
        }
        var note: () -> Void = {}
        limiters = groups.map { group in
            ClientLimiter(
                limits, group: group, scheduler: reactor, secret: "s", replicaTimeoutNs: Self.replicaTimeoutMs * nsPerMs
            ) { if !$0 { note() } }
        }
        self.groups = groups
        self.reactor = reactor
        note = { [unowned self] in failures += 1 }
        for group in groups {
            group.identityCheck = .plain("GET", "guard")
            group.start()
        }
    }

    deinit { for group in groups { group.close() } }

    func wait(for count: Int) async -> Bool {
        await reactor.eventually { self.groups.allSatisfy { $0.available.count == count } }
    }

    /// Sends requests to one instance after the other.
    /// - Returns: how many were admitted.
    func send(_ count: Int, _ client: LimitedClient = alice) async -> Int {
        var admitted = 0
        for number in 0..<count {
            if case .admitted = await limiters[number % limiters.count].admit(client) { admitted += 1 }
        }
        return admitted
    }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct PermitScriptTests {
    let runner: ReactorRunner
    let limits: RateLimits

    init() throws {
        runner = try ReactorRunner()
        limits = try #require(RateLimits(perMinute: 0, perHour: 1, burst: burst))
    }

    private func servers(_ count: Int, _ arguments: [String] = ["--appendonly", "yes"]) throws -> [RedisServer] {
        try (0..<count).map { _ in
            let server = try RedisServer(arguments)
            try server.cli("HSET", "cap:identity", "incarnation", "i1")
            return server
        }
    }

    @Test(arguments: [1, 2, 4])
    func instancesShareALimitExactly(count: Int) async throws {
        let servers = try servers(3)
        let admitted = try await runner.run { [reactor = runner.reactor, limits] in
            let instances = Instances(count, reactor, servers, limits)
            #expect(await instances.wait(for: 3))
            return [await instances.send(500), await instances.send(500, .token(name: "bob"))]
        }
        #expect(admitted == [Int(burst), Int(burst)])
        let keys = try servers.map { try $0.cli("KEYS", "cap:limit:*").split(separator: "\n").count }
        #expect(keys.reduce(0, +) == 2, "each client on one replica: \(keys)")
    }

    @Test func theStateIsNeitherOnDiskNorForEver() async throws {
        let servers = try servers(1)
        let (server, before) = (servers[0], try servers[0].cli("INFO", "persistence"))
        try await runner.run { [reactor = runner.reactor, limits] in
            let instances = Instances(1, reactor, servers, limits)
            #expect(await instances.wait(for: 1))
            #expect(await instances.send(10) == 10)
        }
        let key = try server.cli("KEYS", "cap:limit:*")
        let leftMs = try #require(Int(try server.cli("PTTL", key)))
        #expect((1...36_000_001).contains(leftMs), "ten permits drain in ten hours")
        func size(_ info: String) -> String? { info.firstMatch(of: /aof_current_size:(\d+)/).map { String($0.1) } }
        #expect(size(try server.cli("INFO", "persistence")) == size(before))
        server.kill()
        try server.start()
        #expect(try server.cli("KEYS", "*") == "cap:identity")
    }

    @Test func aBlankReplicaStaysBlank() async throws {
        let blank = try RedisServer()
        let failures = try await runner.run { [reactor = runner.reactor, limits] in
            let instances = Instances(1, reactor, [blank], limits)
            #expect(await instances.wait(for: 1))
            #expect(await instances.send(1) == 1, "the limit holds in the instance alone")
            return instances.failures
        }
        #expect(failures == 1)
        #expect(try blank.cli("DBSIZE") == "0")
    }

    @Test func aReplicaThatIsGoneCostsOneMoreAllowanceAtMost() async throws {
        let servers = try servers(3)
        let admitted = try await runner.run { [reactor = runner.reactor, limits] in
            let instances = Instances(2, reactor, servers, limits)
            #expect(await instances.wait(for: 3))
            let before = await instances.send(400)
            let holder = try #require(servers.first { (try? $0.cli("KEYS", "cap:limit:*"))?.isEmpty == false })
            holder.kill()
            #expect(await instances.wait(for: 2))
            // What an instance remembers of the limit holds for an hour, so others ask.
            let newcomers = Instances(2, reactor, servers, limits)
            #expect(await newcomers.wait(for: 2))
            return [before, await instances.send(100), await newcomers.send(1_000), newcomers.failures]
        }
        #expect(admitted == [Int(burst), 0, Int(burst), 0])
    }

    @Test func aReplicaWithoutMemoryIsReplacedByTheNext() async throws {
        let servers = try servers(3)
        for server in servers.dropLast() { try server.cli("CONFIG", "SET", "maxmemory", "1") }
        let admitted = try await runner.run { [reactor = runner.reactor, limits] in
            let instances = Instances(2, reactor, servers, limits)
            #expect(await instances.wait(for: 3))
            return [await instances.send(500), instances.failures]
        }
        #expect(admitted == [Int(burst), 0])
        #expect(try servers[2].cli("KEYS", "cap:limit:*").isEmpty == false)
    }

    @Test func withoutReplicasEachInstanceLimitsAlone() async throws {
        let servers = try servers(3)
        let admitted = try await runner.run { [reactor = runner.reactor, limits] in
            let instances = Instances(2, reactor, servers, limits)
            #expect(await instances.wait(for: 3))
            for server in servers { server.kill() }
            #expect(await instances.wait(for: 0))
            return await instances.send(1_000)
        }
        #expect(admitted == 2 * Int(burst))
    }

    /// The script and the value that limits in a process are the same algorithm.
    @Test func theScriptStatesTheSameBacklogAsTheMeter() async throws {
        let servers = try servers(1)
        let limits = try #require(RateLimits(perMinute: 7, perHour: 100, burst: 50))
        let replies = try await runner.run { [reactor = runner.reactor] in
            let instances = Instances(1, reactor, servers, limits)
            #expect(await instances.wait(for: 1))
            return await instances.send(20)
        }
        #expect(replies == 20)
        let key = try servers[0].cli("KEYS", "cap:limit:*")
        let numbers = try servers[0].cli("GET", key).split(separator: " ").compactMap { UInt64($0) }
        // Whole permits, less what has drained: at most 7 per microsecond.
        #expect(numbers[1] <= 20 * 60_000_000 && numbers[1] > 20 * 60_000_000 - 7 * 10_000_000)
        #expect(numbers[2] <= 20 * 3_600_000_000 && numbers[2] > 20 * 3_600_000_000 - 100 * 10_000_000)
    }
}
