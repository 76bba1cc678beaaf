import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// `app-cp init` on real servers (rule C8).
@Suite(.serialized, .timeLimit(.minutes(20))) struct InitializerTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    @Test func servicesNeverCreateAGroupByThemselves() async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            let cp = CPInstance(reactor, servers)
            #expect(await cp.waitForAll())
            do throws(StoreFailure) {
                try await cp.write("k", "a")
                Issue.record("expected a refusal")
            } catch {
                #expect(error.code == .replicasBlank)
                #expect(error.outcome == .notApplied)
            }
        }
    }

    @Test func initRunsOnceAndIsHarmlessASecondTime() async throws {
        try await runOnGroup { reactor in
            let before = try servers[0].cli("HGETALL", "cap:identity")
            #expect(await CPInstance.initialize(reactor, servers) == .alreadyInitialized(epoch: 1))
            #expect(try servers[0].cli("HGETALL", "cap:identity") == before)
        }
    }

    @Test func initResumesAfterAnInterruption() async throws {
        try await runOnGroup { reactor in
            // As if `init` had crashed before the promotion of the third replica.
            try servers[2].cli("HSET", "cap:identity", "state", "rebuilding", "epoch", "0")
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            #expect(try servers[2].cli("HGET", "cap:identity", "state") == "member")
        }
    }

    @Test func initRefusesForeignDataAndAGroupInUse() async throws {
        let foreign = try CPServers()
        try await runner.run { [reactor = runner.reactor, used = servers] in
            try foreign[1].cli("SET", "somebody", "else")
            guard case .refused(let reason) = await CPInstance.initialize(reactor, foreign) else {
                Issue.record("expected a refusal")
                return
            }
            #expect(reason.contains("g2"))

            #expect(await CPInstance.initialize(reactor, used) == .initialized)
            try used[1].cli("FLUSHALL")
            guard case .refused = await CPInstance.initialize(reactor, used) else {
                Issue.record("init made a wiped replica of a group in use a member")
                return
            }
            #expect(try used[1].cli("HGET", "cap:identity", "state") != "member")
        }
    }

    @Test func initChangesNoReplicaIfOneIsNotBlank() async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            try servers[2].cli("SET", "somebody", "else")
            guard case .refused(let reason) = await CPInstance.initialize(reactor, servers) else {
                Issue.record("expected a refusal")
                return
            }
            #expect(reason.contains("g3 holds 1 keys"))
            for replica in 0..<2 { #expect(try servers[replica].cli("DBSIZE") == "0") }
        }
    }

    @Test func initResumesAfterAdoptingOneReplica() async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            try servers[1].cli(
                "HSET", "cap:identity", "group", "cp", "replica", "g2", "incarnation", "00000000000000aa", "state",
                "rebuilding", "epoch", "0", "rollback_counter", "0")
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            #expect(try servers[1].cli("HGET", "cap:identity", "incarnation") == "00000000000000aa")
        }
    }

    @Test func initExplainsWhatToDoIfAReplicaWasWipedSinceAnEarlierInit() async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            for (replica, name) in ["g1", "g2"].enumerated() {
                try servers[replica].cli(
                    "HSET", "cap:identity", "group", "cp", "replica", name, "incarnation", "00000000000000a\(replica)",
                    "state", "rebuilding", "epoch", "0", "rollback_counter", "0")
            }
            try servers[0].cli(
                "HSET", "cap:config", "promise", "2:00000000000000aa", "ballot", "1:00000000000000aa", "version", "1",
                "value", "epoch=1 g1=00000000000000a0:voter g2=00000000000000a1:voter g3=00000000000000a2:voter",
                "deleted", "0", "expires_ms", "", "writers", "", "evicted_at", "0")
            guard case .refused(let reason) = await CPInstance.initialize(reactor, servers) else {
                Issue.record("expected a refusal")
                return
            }
            #expect(reason.hasSuffix("wipe all of them and run init again"))
            for server in servers.servers { try server.cli("FLUSHALL") }
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
        }
    }

    @Test func initRefusesAReplicaOfAnotherGroupOrName() async throws {
        try await runOnGroup { reactor in
            try servers[0].cli("HSET", "cap:identity", "replica", "g9")
            guard case .refused(let reason) = await CPInstance.initialize(reactor, servers) else {
                Issue.record("expected a refusal")
                return
            }
            #expect(reason == "g1 was initialised under the name 'g9'")
        }
    }
}
