import EventLoop
import Foundation
import Redis
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Rule C8 on real servers: replicas that were rolled back are detected.
@Suite(.serialized, .timeLimit(.minutes(20))) struct RollbackTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    @Test func membersWitnessTheRisingCountersOfTheOthers() async throws {
        try await run(backgroundMs: 20) { cp in
            func counter(of replica: Int, at holder: Int) -> Int {
                let incarnation = (try? servers[replica].cli("HGET", "cap:identity", "incarnation")) ?? ""
                return Int((try? servers[holder].cli("HGET", "cap:rollback_counters", incarnation)) ?? "") ?? 0
            }
            #expect(await cp.reactor.eventually { counter(of: 0, at: 1) > 3 && counter(of: 0, at: 2) > 3 })
            #expect(await cp.reactor.eventually { counter(of: 2, at: 0) > 3 })
        }
    }

    @Test func aReplicaRestoredFromAnOldDumpIsErasedAndRebuilt() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "old")
            try await cp.write("gone", "a")
            #expect(await cp.reactor.eventually { (try? ballots(of: "gone").count) == 1 })
            let before = try servers[0].cli("HGET", "cap:identity", "incarnation")
            servers[0].kill()
            let dump = servers[0].directory + "-dump"
            try FileManager.default.copyItem(atPath: servers[0].directory, toPath: dump)
            try servers[0].start()
            #expect(await cp.waitForAll())
            try await cp.write("k", "new")
            _ = try await cp.delete("gone")
            let counter = try servers[0].cli("HGET", "cap:identity", "rollback_counter")
            #expect(
                await cp.reactor.eventually {
                    (try? servers[1].cli("HGET", "cap:rollback_counters", before)).flatMap { Int($0) } ?? 0 > Int(
                        counter)
                        ?? 0
                })
            servers[0].kill()
            try FileManager.default.removeItem(atPath: servers[0].directory)
            try FileManager.default.moveItem(atPath: dump, toPath: servers[0].directory)
            try servers[0].start()
            #expect(await cp.reactor.eventually { cp.counts.rolledBackReplicas == 1 })
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            #expect(try servers[0].cli("HGET", "cap:identity", "incarnation") != before)
            servers[1].kill()
            #expect(await cp.reactor.eventually { (try? await cp.read("k"))?.text == "new" })
            #expect(try await cp.read("gone").value == nil)
            try servers[1].start()
        }
    }

    @Test func aReplicaRolledBackWhileItRunsIsErasedAndRebuilt() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            let before = try servers[0].cli("HGET", "cap:identity", "incarnation")
            #expect(
                await cp.reactor.eventually {
                    (try? servers[1].cli("HGET", "cap:rollback_counters", before)).flatMap { Int($0) } ?? 0 > 3
                })
            // The counter that the replica had a moment ago, as after a rollback of its memory.
            try servers[0].cli("HSET", "cap:identity", "rollback_counter", "2")
            #expect(await cp.reactor.eventually { cp.counts.rolledBackReplicas == 1 })
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            #expect(try servers[0].cli("HGET", "cap:identity", "incarnation") != before)
            #expect(try await cp.read("k").text == "a")
        }
    }

    @Test func ofTwoRolledBackReplicasOneIsErasedAtATime() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            #expect(await cp.reactor.eventually { await cp.holders(of: "k") == 3 })
            let before = try (0..<2).map { try servers[$0].cli("HGET", "cap:identity", "incarnation") }
            for replica in 0..<2 { try servers[2].cli("HSET", "cap:rollback_counters", before[replica], "9000") }
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 2 })
            #expect(cp.counts.rolledBackReplicas == 2)
            #expect(await cp.reactor.eventually { await cp.roles() == ["acceptor", "acceptor", "acceptor"] })
            #expect(try await cp.read("k").text == "a")
        }
    }

    @Test func aRolledBackReplicaIsNotAdmittedIfNoMajorityWouldBeLeftWithoutIt() async throws {
        try await runOnGroup { reactor in
            let incarnation = try servers[1].cli("HGET", "cap:identity", "incarnation")
            try servers[2].cli("HSET", "cap:rollback_counters", incarnation, "9")
            try servers[0].cli("FLUSHALL")
            // A busy machine must not make the blank replica look unresponsive.
            var links = RedisGroupSettings()
            links.timeouts.connectMs = 20_000
            let cp = CPInstance(reactor, servers, settings: links, probeTimeoutMs: 5_000)
            #expect(await reactor.eventually { cp.group.status()[1].lastFailure?.summary == "it was not admitted" })
            #expect(try servers[1].cli("HGET", "cap:identity", "incarnation") == incarnation)
            #expect(cp.counts.rolledBackReplicas == 0)
            cp.close()
        }
    }

    @Test func theCountersOfFormerMembersAreDroppedAndThoseOfMembersKept() async throws {
        // A busy machine must not make the replicas look unresponsive.
        try await run(backgroundMs: 20, probeTimeoutMs: 5_000) { cp in
            func incarnations() async -> Set<Bytes> {
                Set(await cp.ask(1, "HKEYS", "cap:rollback_counters")?.array?.compactMap(\.bytes) ?? [])
            }
            #expect(await cp.reactor.eventually { await incarnations().count == 2 })
            servers[0].kill()
            #expect(await cp.waitForAvailable(2))
            let members = await incarnations()
            let former = (0..<100).flatMap { ["former-\($0)", "7"] }
            #expect(await cp.ask(1, ["HSET", "cap:rollback_counters"] + former) == .integer(100))
            #expect(await cp.reactor.eventually { await incarnations() == members })
            try servers[0].start()
        }
    }

    @Test func aReplicaIsAdmittedOnlyAfterItsCounterWasCompared() async throws {
        try await runOnGroup { reactor in
            servers[1].kill()
            servers[2].kill()
            let cp = CPInstance(reactor, servers)
            #expect(await reactor.eventually { cp.group.status()[0].lastFailure?.summary == "it was not admitted" })
            #expect(!cp.group.available.contains(0))
            try servers[1].start()
            #expect(await cp.waitForAvailable(2))
            try await cp.write("k", "a")
            try servers[2].start()
        }
    }
}
