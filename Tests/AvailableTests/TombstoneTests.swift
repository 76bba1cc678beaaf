import EventLoop
import Replication
import TestSupport
import Testing

@testable import Available

/// Collection of deleted and expired keys, which must not return (rule A10), on real servers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct TombstoneTests {
    private static let graceMs: Int64 = 1_000

    private static func withShortGrace(
        _ body: @escaping @Sendable (APInstance, APServers) async throws -> Void
    ) async throws {
        try await withInstance({
            $0.tombstones.graceMs = Self.graceMs
            $0.tombstones.gcIntervalMs = 50
            $0.timeouts.maxMergeFenceMs = 100
        }) { try await body($0, $1) }
    }

    private static func replicasWith(_ key: String, _ instance: APInstance) async -> [Int] {
        var found: [Int] = []
        for replica in 0..<3 where await instance.raw(replica, "EXISTS", "ap:\(key)") != .integer(0) {
            found.append(replica)
        }
        return found
    }

    @Test func aDeletedKeyLeavesNothingAfterTheGracePeriod() async throws {
        try await Self.withShortGrace { instance, _ in
            try await instance.write("gone", "v")
            try await instance.write("kept", "v")
            #expect(try await instance.delete("gone").existed)
            #expect(await instance.converged("kept"))
            #expect(await Self.replicasWith("gone", instance) == [0, 1, 2])
            #expect(await instance.reactor.eventually { await Self.replicasWith("gone", instance).isEmpty })
            #expect(await instance.reactor.eventually { instance.events.collected == 1 })
            #expect(try await instance.read("gone").value == nil)
            #expect(await Self.replicasWith("kept", instance) == [0, 1, 2])
            for replica in 0..<3 { #expect(await instance.raw(replica, "EXISTS", "cap:tombstones") == .integer(0)) }
            // The key can be written again.
            try await instance.write("gone", "again")
            #expect(await instance.converged("gone"))
            #expect(try await instance.read("gone").text == "again")
        }
    }

    @Test func anExpiredValueIsCollectedToo() async throws {
        try await Self.withShortGrace { instance, _ in
            try await instance.write("short", "v", ttlMs: 50)
            try await instance.write("long", "v", ttlMs: 3_600_000)
            #expect(await instance.reactor.eventually { await Self.replicasWith("short", instance).isEmpty })
            #expect(await Self.replicasWith("long", instance) == [0, 1, 2])
            #expect(try await instance.read("long").text == "v")
        }
    }

    @Test func aKeyThatIsWrittenAgainIsNotCollected() async throws {
        try await Self.withShortGrace { instance, _ in
            try await instance.write("k", "v")
            try await instance.delete("k")
            try await instance.write("k", "again")
            // When the key is due, tombstone GC finds a live value and removes the key from its list.
            #expect(
                await instance.reactor.eventually {
                    await instance.raw(0, "EXISTS", "cap:tombstones") == .integer(0)
                })
            #expect(await Self.replicasWith("k", instance) == [0, 1, 2])
            #expect(try await instance.read("k").text == "again")
        }
    }

    @Test func nothingIsCollectedWhileAReplicaIsUnreachable() async throws {
        try await Self.withShortGrace { instance, _ in
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            instance.group.cut = [2]
            try await instance.delete("k")
            // As if the key had been deleted long ago.
            for replica in 0..<2 { _ = await instance.raw(replica, "HSET", "ap:k", "at", "1") }
            #expect(await instance.waitForProbes(10))
            #expect(await Self.replicasWith("k", instance) == [0, 1, 2])
            // The unreachable replica receives the tombstone first, and the others wait for it.
            instance.group.cut = []
            #expect(await instance.reactor.eventually { await Self.replicasWith("k", instance).isEmpty })
            #expect(try await instance.read("k").value == nil)
        }
    }

    @Test func aTombstoneThatIsTooYoungOrHasChangedIsNotCollectable() async throws {
        try await Self.withShortGrace { instance, _ in
            let incarnation = try instance.incarnation(0)
            let key = Bytes("ap:k".utf8)
            try await instance.delete("k", context: try await instance.write("k", "v").version)
            #expect(await instance.converged("k"))
            let vector = try #require(await instance.record("k", 0)?.vector.text)
            func check(_ graceUs: UInt64, vector: Bytes) async -> Reply? {
                let collect = CollectCommand(
                    mode: .check, graceUs: Bytes(decimal: graceUs), keys: [key], vectors: [vector])
                let arguments = collect.arguments(
                    peers: ["g2", "g3"].map { Bytes($0.utf8) }, fence: [[], [], incarnation])
                return await instance.raw(
                    0,
                    Command(
                        .script(AvailableScripts.collect, keys: [key]), arguments: collect.sharedArguments + arguments))
            }
            // In this order: too young; old enough; old enough, but with another vector.
            #expect(await check(900_000_000, vector: vector)?.array?.count == 2)
            #expect(await instance.reactor.eventually { await check(1, vector: vector)?.array?.count == 3 })
            #expect(await check(1, vector: [])?.array?.count == 2)
        }
    }

    /// Makes a server look as if it had stopped long ago, with a value that has since been deleted.
    private static func age(_ server: RedisServer) throws {
        try server.cli("HSET", "cap:identity", "group", "demo", "replica", "g3", "incarnation", "a", "run_id", "b")
        try server.cli("SET", "cap:clock", "1700000000000000")
        try server.cli("HSET", "ap:k", "vv", "g3.a=5", "at", "5", "g3.a@5", "V0123456789abcdef::old")
    }

    @Test func aReplicaThatWasAwayTooLongIsRefusedUntilItIsEmptied() async throws {
        let servers = try APServers()
        try Self.age(servers[2])
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let instance = APInstance(reactor, servers)
            defer { instance.close() }
            #expect(await instance.waitForAvailable(2))
            #expect(await reactor.eventually { instance.engine.status()[2].refusal?.contains("was away") == true })
            #expect(try await instance.read("k").value == nil)
            // The refusal stays, whatever the replica's clock shows later.
            try servers[2].cli("SET", "cap:clock", "9000000000000000")
            instance.events.refused = []
            #expect(await reactor.eventually { !instance.events.refused.isEmpty })
            #expect(!instance.engine.replicas.usable.contains(2))

            try servers[2].cli("FLUSHALL")
            #expect(await instance.waitForAvailable(3))
            #expect(instance.engine.status()[2].refusal == nil)
            #expect(try await instance.read("k").value == nil)
        }
    }

    @Test func anOldDumpWithoutAnIdentityIsRefused() async throws {
        let servers = try APServers()
        try Self.age(servers[2])
        try servers[2].cli("DEL", "cap:identity")
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let instance = APInstance(reactor, servers)
            defer { instance.close() }
            #expect(await instance.waitForAvailable(2))
            #expect(await reactor.eventually { instance.engine.status()[2].refusal?.contains("was away") == true })
            try servers[2].cli("FLUSHALL")
            #expect(await instance.waitForAvailable(3))
        }
    }

    @Test func anOperatorAdmitsAReplicaByName() async throws {
        let servers = try APServers()
        try Self.age(servers[2])
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let refusing = APInstance(reactor, servers)
            #expect(await reactor.eventually { !refusing.events.refused.isEmpty })
            refusing.close()
            let instance = APInstance(reactor, servers) { $0.admittedReplicas = ["g3"] }
            defer { instance.close() }
            #expect(await instance.waitForAvailable(3))
            #expect(await instance.converged("k"))
            let read = try await instance.read("k")
            #expect(read.text == "old")
            // From now on, every instance uses the admitted replica.
            let another = APInstance(reactor, servers)
            defer { another.close() }
            #expect(await another.waitForAvailable(3))
        }
    }
}
