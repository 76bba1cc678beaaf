import EventLoop
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Rules C8 and C9 on real servers: the roles and states of replicas.
@Suite(.serialized, .timeLimit(.minutes(20))) struct MembershipTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    @Test func aWipedReplicaIsReportedAndTheServiceStaysReady() async throws {
        try await run { cp in
            #expect(await cp.roles() == ["acceptor", "acceptor", "acceptor"])
            try servers[1].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { await cp.roles() == ["acceptor", "blank", "acceptor"] })
            #expect(await cp.readiness() == nil)
        }
    }

    @Test func twoWipedReplicasMakeTheServiceUnreadyWithAReason() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            try servers[0].cli("FLUSHALL")
            try servers[1].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { await cp.readiness()?.code == .replicasBlank })
            do throws(StoreFailure) {
                try await cp.write("other", "b")
                Issue.record("expected a refusal")
            } catch {
                #expect(error.code == .replicasBlank)
                #expect(error.outcome == .notApplied)
            }
        }
    }

    @Test func anIdleInstanceNoticesThatTheGroupWasInitialisedAgain() async throws {
        try await runOnGroup { reactor in
            let idle = CPInstance(reactor, servers, backgroundMs: 20)
            defer { idle.close() }
            #expect(await idle.waitForAll())
            #expect(await reactor.eventually { await idle.readiness() == nil })
            for server in servers.servers { try server.cli("FLUSHALL") }
            #expect(await reactor.eventually { await idle.roles() == ["blank", "blank", "blank"] })
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            // Two acceptors make the instance ready. It may probe the third one a moment later.
            #expect(await reactor.eventually { await idle.roles() == ["acceptor", "acceptor", "acceptor"] })
            #expect(await idle.readiness() == nil)
        }
    }

    @Test func aReplicaOfAnEarlierGroupDoesNotPreventServing() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            // Same group, same name, another incarnation: as from an old data directory, or a server of another site.
            try servers[0].cli("HSET", "cap:identity", "incarnation", "00000000000000aa", "epoch", "9")
            try servers[0].cli(
                "HSET", "cap:config", "promise", "9000:00000000000000aa", "ballot", "9000:00000000000000aa", "value",
                "epoch=9 g1=00000000000000aa:voter g2=00000000000000bb:voter g3=00000000000000cc:voter")
            let other = CPInstance(cp.reactor, servers, backgroundMs: 20)
            defer { other.close() }
            #expect(await other.waitForAll())
            for _ in 0..<20 {
                try await other.write("k", "b", withinMs: 1_000)
                _ = await other.roles()
            }
            #expect(
                await other.reactor.eventually { await other.roles() == ["replaced", "acceptor", "acceptor"] })
            #expect(await other.readiness() == nil)
        }
    }

    @Test func aReplicaThatIsBeingRebuiltDoesNotCountAsReady() async throws {
        try await run { cp in
            for replica in 0..<2 { try servers[replica].cli("HSET", "cap:identity", "state", "rebuilding") }
            #expect(await cp.reactor.eventually { await cp.readiness()?.code == .rebuilding })
            #expect(await cp.roles() == ["rebuilding", "rebuilding", "acceptor"])
        }
    }

    @Test func aFormerMemberAndAForeignReplicaAreDistinguished() async throws {
        try await run { cp in
            #expect(await cp.readiness() == nil)
            try servers[0].cli("HSET", "cap:identity", "incarnation", "00000000000000aa")
            try servers[1].cli("HSET", "cap:identity", "group", "other")
            #expect(await cp.reactor.eventually { await cp.roles().prefix(2) == ["replaced", "foreign"] })
            #expect(await cp.readiness()?.detail.contains("g2 belongs to the group 'other'") == true)
        }
    }

    @Test func aReplicaThatIsAloneAtAStartIsShownAsNotAdmitted() async throws {
        try await run { cp in
            for replica in 1..<3 { servers[replica].kill() }
            let late = CPInstance(cp.reactor, servers)
            defer { late.close() }
            #expect(
                await cp.reactor.eventually { await late.roles() == ["not_admitted", "unreachable", "unreachable"] })
            #expect(
                late.engine.views[0].problem
                    == "g1 is not admitted: no other member answers to compare its rollback counter with")
        }
    }

    @Test func aReplicaOfAppAPIsNamedAsSuch() async throws {
        try await run { cp in
            try servers[0].cli("FLUSHALL")
            try servers[0].cli(
                "HSET", "cap:identity", "group", "ap", "replica", "g1", "incarnation", "7f", "run_id", "0", "adopted",
                "1")
            let late = CPInstance(cp.reactor, servers)
            defer { late.close() }
            #expect(await cp.reactor.eventually { await late.roles() == ["foreign", "acceptor", "acceptor"] })
            #expect(late.engine.views[0].problem == "g1 belongs to the group 'ap' of app-ap")
        }
    }

    @Test func replicasWithoutAMemberAreNamed() async throws {
        try await run { cp in
            let partial = CPInstance(cp.reactor, CPServers([servers[0], servers[1]]))
            defer { partial.close() }
            #expect(await partial.waitForAll())
            #expect(
                await partial.readiness()?.detail
                    == "REPLICAS names g1, g2, but the group consists of g1, g2, g3")
        }
    }

    @Test func aGroupThatWasNotInitialisedIsReportedOnce() async throws {
        try await runner.run { [reactor = runner.reactor, servers] in
            let instance = CPInstance(reactor, servers, backgroundMs: 20)
            defer { instance.close() }
            #expect(await reactor.eventually { instance.counts.failures.last??.code == .replicasBlank })
            #expect(instance.counts.failures.last??.detail.contains("run 'app-cp init' once") == true)
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            #expect(await reactor.eventually { instance.counts.failures.last == .some(nil) })
        }
    }

    @Test func settingsThatMayLoseAcknowledgedChangesAreReported() async throws {
        try await run { cp in
            #expect(await cp.faults(of: 0) == [])
            try servers[0].cli("CONFIG", "SET", "appendfsync", "everysec")
            try servers[0].cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            #expect(
                await cp.reactor.eventually {
                    await cp.faults(of: 0) == [
                        "maxmemory-policy is allkeys-lru: it may drop keys", "appendfsync is everysec, not always",
                    ]
                })
            #expect(await cp.faults(of: 1) == [])
        }
    }
}

extension CPInstance {
    private var soonNs: UInt64 { reactor.nowNs + 1_000 * nsPerMs }

    func roles() async -> [String] { await engine.replicas(deadlineNs: soonNs).map(\.role.name) }
    func readiness() async -> StoreFailure? { await engine.checkReadiness(deadlineNs: soonNs) }
    func faults(of replica: Int) async -> [String]? {
        await engine.replicas(deadlineNs: soonNs)[replica].durabilityFaults
    }
}
