import EventLoop
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Rules C10 and C11 on real servers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct RepairTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    @Test func aTombstoneIsCollectedAndVersionsContinue() async throws {
        try await run(backgroundMs: 20) { cp in
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
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            let old = try servers[0].cli("HGET", "cp:k", "ballot")
            _ = try await cp.delete("k")
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 0 })
            let deadlineNs = cp.reactor.nowNs + 1_000 * nsPerMs
            let configuration = try await cp.engine.configurations.configuration(deadlineNs: deadlineNs)
            let commands = AcceptorCommands(group: Bytes("cp".utf8), configuration: configuration)
            var state = RegisterState.absent(gcVersion: 0)
            state.value = Bytes("a".utf8)
            state.version = 1
            state.isDeleted = false
            let call = QuorumCall(group: cp.group, scheduler: cp.reactor, deadlineNs: deadlineNs)
            let ballot = try #require(Ballot(text: Bytes(old.utf8)))
            call.send(commands.accept(Register(key: Bytes("k".utf8)), ballot, state), to: [0, 1, 2])
            await call.waitForAll()
            #expect(call.replicas { $0[0]?.text == "REJECTED" } == [0, 1, 2])
            #expect(try await cp.read("k").value == nil)
        }
    }

    @Test func aTombstoneIsKeptWhileOneReplicaIsUnreachable() async throws {
        try await runOnGroup { reactor in
            // This instance has no background work: the test runs each step of the repair.
            let cp = CPInstance(reactor, servers)
            defer { cp.close() }
            #expect(await cp.waitForAll())
            try await cp.write("k", "a")
            servers[2].kill()
            #expect(await cp.waitForAvailable(2))
            _ = try await cp.delete("k")
            for _ in 0..<5 { await cp.engine.repair.step() }
            #expect(cp.counts.collectedTombstones == 0)
            for holder in 0..<2 { #expect(try servers[holder].cli("HGET", "cp:k", "deleted") == "1") }

            try servers[2].start()
            #expect(await cp.waitForAll())
            // The first step brings the tombstone to the replica that missed it; a later one collects it.
            #expect(
                await reactor.eventually {
                    await cp.engine.repair.step()
                    return await cp.holders(of: "k") == 0
                })
            #expect(cp.counts.collectedTombstones > 0)
        }
    }

    @Test func aKeyIsRepairedOnceAReplicaThatFailedAnswersAgain() async throws {
        try await runOnGroup { reactor in
            let cp = CPInstance(reactor, servers)
            defer { cp.close() }
            #expect(await cp.waitForAll())
            servers[2].kill()
            #expect(await cp.waitForAvailable(2))
            try await cp.write("k", "a")
            try servers[2].start()
            #expect(await cp.waitForAll())
            // The accept of the catch-up fails.
            try servers[2].cli("CONFIG", "SET", "maxmemory", "1000")
            for _ in 0..<3 { await cp.engine.repair.step() }
            #expect(cp.counts.repairedKeys == 0)
            try servers[2].cli("CONFIG", "SET", "maxmemory", "0")
            await cp.engine.repair.step()
            #expect(cp.counts.repairedKeys == 1)
            #expect(await cp.holders(of: "k") == 3)

            // The record of the tombstone cannot be read.
            _ = try await cp.delete("k")
            #expect(await reactor.eventually { (try? servers[2].cli("HGET", "cp:k", "deleted")) == "1" })
            try servers[2].cli("SET", "cp:k", "of another program")
            for _ in 0..<3 { await cp.engine.repair.step() }
            #expect(cp.counts.collectedTombstones == 0)
            try servers[2].cli("DEL", "cp:k")
            for _ in 0..<3 { await cp.engine.repair.step() }
            #expect(await cp.holders(of: "k") == 0)
        }
    }

    @Test func aTombstoneLeftOnOneReplicaIsFoundByAFullScanAndCollected() async throws {
        try await runOnGroup { reactor in
            let first = CPInstance(reactor, servers)
            #expect(await first.waitForAll())
            _ = try await first.write("k", "a")
            _ = try await first.delete("k")
            #expect(await reactor.eventually { await first.holders(of: "k") == 3 })
            // As if the other two had collected it, and the command to the first one was lost.
            for other in 1..<3 {
                let promise = try servers[0].cli("HGET", "cp:k", "promise")
                try servers[other].cli("SET", "cap:gc_ballot", promise)
                try servers[other].cli("SET", "cap:gc_version", "2")
                try servers[other].cli("DEL", "cp:k")
            }
            let cp = CPInstance(reactor, servers, backgroundMs: 20, scanMs: 50)
            #expect(await reactor.eventually { await cp.holders(of: "k") == 0 })
            #expect(try await cp.write("k", "b").version >= 3)
            cp.close()
        }
    }

    @Test func anExpiredValueThatIsNeverReadIsCollected() async throws {
        try await run(backgroundMs: 20, scanMs: 50) { cp in
            try await cp.write("k", "a", ttlMs: 1)
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 0 })
            #expect(try await cp.write("k", "b").version == 3)
        }
    }

    @Test func aReplicaThatWasDownIsSentTheAcceptsItMissed() async throws {
        try await run(backgroundMs: 20) { cp in
            servers[2].kill()
            for key in 0..<200 { try await cp.write("k\(key)", "a") }
            try servers[2].start()
            #expect(await cp.reactor.eventually { await cp.holdEqualKeyCounts() })
            #expect(cp.counts.repairedKeys >= 200)
            for field in ["ballot", "version", "value", "deleted", "expires_ms", "writers", "evicted_at"] {
                #expect(try servers[2].cli("HGET", "cp:k7", field) == servers[0].cli("HGET", "cp:k7", field))
            }
        }
    }

    @Test func catchUpKeepsANewerState() async throws {
        try await run(backgroundMs: 20) { cp in
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
