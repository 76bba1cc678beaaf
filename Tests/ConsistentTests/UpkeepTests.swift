import EventLoop
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Rules C10 and C11 on real servers.
@Suite(.serialized) struct UpkeepTests {
    let runner: ReactorRunner
    let servers: CPServers

    init() throws {
        runner = try ReactorRunner()
        servers = try CPServers()
    }

    private func run(walkMs: UInt64 = 600_000, _ body: @escaping @Sendable (CPInstance) async throws -> Void)
        async throws
    {
        try await runner.run { [reactor = runner.reactor, servers] in
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            let instance = CPInstance(reactor, servers, upkeepMs: 20, walkMs: walkMs)
            #expect(await instance.waitForAll())
            try await body(instance)
            instance.close()
        }
    }

    @Test func aTombstoneIsCollectedAndVersionsGoOn() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            _ = try await cp.delete("k")
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 0 })
            for server in servers.servers { #expect(try server.cli("GET", "cap:gc_version") == "2") }
            let absent = try await cp.read("k")
            #expect(absent.value == nil)
            #expect(absent.version == 0)
            #expect(try await cp.write("k", "b").version == 3)
        }
    }

    @Test func aLateAcceptDoesNotReviveACollectedKey() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            let old = try servers[0].cli("HGET", "cp:k", "ballot")
            _ = try await cp.delete("k")
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 0 })
            let deadlineNs = cp.reactor.nowNs + 1_000 * nsPerMs
            let configuration = try await cp.engine.proposer.configurations.configuration(deadlineNs: deadlineNs)
            let commands = AcceptorCommands(group: Bytes("cp".utf8), configuration: configuration)
            var state = RegisterState.absent(floor: 0)
            state.value = Bytes("a".utf8)
            state.version = 1
            state.isDeleted = false
            let call = QuorumCall(group: cp.group, scheduler: cp.reactor, deadlineNs: deadlineNs)
            let ballot = try #require(Ballot(text: Bytes(old.utf8)))
            call.send(commands.accept(Register(key: Bytes("k".utf8)), ballot, state), to: [0, 1, 2])
            await call.waitForAll()
            #expect(call.count { $0[0]?.text == "REJECTED" } == 3)
            #expect(try await cp.read("k").value == nil)
        }
    }

    @Test func aTombstoneStaysWhileAReplicaHasNotShownIt() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 3 })
            servers[2].kill()
            _ = try await cp.delete("k")
            let walks = cp.engine.counts.collected
            #expect(try await cp.read("k").value == nil)
            #expect(cp.engine.counts.collected == walks)
            #expect(try servers[0].cli("HGET", "cp:k", "deleted") == "1")
            try servers[2].start()
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 0 })
        }
    }

    @Test func aTombstoneLeftOnOneReplicaIsFoundByTheWalkAndCollected() async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            let first = CPInstance(reactor, servers)
            #expect(await first.waitForAll())
            _ = try await first.write("k", "a")
            _ = try await first.delete("k")
            #expect(await reactor.eventually { await first.holders(of: "k") == 3 })
            // As if the two others had collected it and this one had not heard of it.
            for other in 1..<3 {
                let promise = try servers[0].cli("HGET", "cp:k", "promise")
                try servers[other].cli("SET", "cap:gc_ballot", promise)
                try servers[other].cli("SET", "cap:gc_version", "2")
                try servers[other].cli("DEL", "cp:k")
            }
            let cp = CPInstance(reactor, servers, upkeepMs: 20, walkMs: 50)
            #expect(await reactor.eventually { await cp.holders(of: "k") == 0 })
            #expect(try await cp.write("k", "b").version >= 3)
            cp.close()
        }
    }

    @Test func anExpiredValueThatNobodyReadsIsCollected() async throws {
        try await run(walkMs: 50) { cp in
            try await cp.write("k", "a", ttlMs: 1)
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 0 })
            #expect(try await cp.write("k", "b").version == 3)
        }
    }

    @Test func aReplicaThatWasAwayIsSentWhatItMissed() async throws {
        try await run { cp in
            servers[2].kill()
            for key in 0..<200 { try await cp.write("k\(key)", "a") }
            try servers[2].start()
            #expect(await cp.reactor.eventually { await cp.areAlike() })
            #expect(cp.engine.counts.caughtUp >= 200)
            for field in ["ballot", "version", "value", "deleted", "expires_ms", "writers", "since"] {
                #expect(try servers[2].cli("HGET", "cp:k7", field) == servers[0].cli("HGET", "cp:k7", field))
            }
        }
    }

    @Test func catchUpDoesNotOverwriteANewerState() async throws {
        try await run { cp in
            servers[2].kill()
            try await cp.write("k", "a")
            try servers[2].start()
            #expect(await cp.waitForAll())
            for value in 0..<100 { try await cp.write("k", "\(value)") }
            #expect(
                await cp.reactor.eventually {
                    Set(servers.servers.map { try? $0.cli("HGET", "cp:k", "value") }) == ["99"]
                })
            #expect(try await cp.read("k").version == 101)
        }
    }
}
