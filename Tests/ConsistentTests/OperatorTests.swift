import EventLoop
import Foundation
import Redis
import Replication
import Testing
import TestSupport

@testable import Consistent

/// The operator's commands on real servers (rule C8).
@Suite(.serialized, .timeLimit(.minutes(20))) struct OperatorTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    private func connected<Value: Sendable>(
        _ body: @escaping @Sendable (RedisReplicaGroup, Reactor) async throws -> Value
    ) async throws -> Value {
        try await runner.run { [reactor = runner.reactor, servers] in
            let group = RedisReplicaGroup(
                reactor: reactor, replicas: CPInstance.replicas(servers), scripts: ConsistentScripts.all,
                settings: .patient)
            defer { group.close() }
            return try await body(group, reactor)
        }
    }

    private func initialize() async throws {
        try await runOnGroup { reactor in
        }
    }

    private func overview(withinMs: UInt64 = 5_000) async throws -> GroupInspector.Overview {
        try await connected { group, reactor in
            let inspector = GroupInspector(group: group, scheduler: reactor, groupName: "cp")
            group.start()
            return await inspector.run(deadlineNs: reactor.nowNs + withinMs * nsPerMs)
        }
    }

    private func backup(only: String? = nil, withinMs: UInt64 = 10_000) async throws -> GroupBackup.Result {
        try await connected { group, reactor in
            let backup = GroupBackup(group: group, scheduler: reactor, groupName: "cp")
            group.start()
            return await backup.run(only: only, deadlineNs: reactor.nowNs + withinMs * nsPerMs)
        }
    }

    @Test func membersReportsTheConfigurationInForceAndTheVoters() async throws {
        try await initialize()
        let whole = try await overview()
        #expect(whole.votingCount == 3)
        #expect(whole.configuration?.hasPrefix("epoch=1 g1=") == true)

        try servers[1].cli("FLUSHALL")
        servers[2].kill()
        let before = try servers[0].cli("HGETALL", "cap:identity")
        let wounded = try await overview(withinMs: 500)
        #expect(wounded.replicas.map(\.role.name) == ["acceptor", "blank", "unreachable"])
        #expect(wounded.configuration == nil)
        #expect(try servers[0].cli("HGETALL", "cap:identity") == before)
        #expect(try servers[1].cli("DBSIZE") == "0")
    }

    @Test func membersErasesNoRolledBackReplica() async throws {
        try await initialize()
        let incarnation = try servers[0].cli("HGET", "cap:identity", "incarnation")
        try servers[1].cli("HSET", "cap:rollback_counters", incarnation, "9")
        #expect(try await overview().votingCount == 3)
        #expect(try servers[0].cli("HGET", "cap:identity", "incarnation") == incarnation)
    }

    @Test func aBackupWritesADumpAndRaisesTheWitnessedCounterAfterIt() async throws {
        try await initialize()
        guard case .written(let dumps) = try await backup(only: "g2") else {
            Issue.record("expected a dump")
            return
        }
        #expect(dumps.map(\.replica) == ["g2"])
        let path = try #require(dumps.first?.path)
        #expect(FileManager.default.fileExists(atPath: path))
        let incarnation = try servers[1].cli("HGET", "cap:identity", "incarnation")
        for other in [0, 2] {
            #expect(
                try servers[other].cli("HGET", "cap:rollback_counters", incarnation) == "\(dumps[0].rollbackCounter)")
        }
    }

    @Test func aReplicaRestoredAloneFromItsBackupIsErased() async throws {
        try await initialize()
        guard case .written = try await backup() else {
            Issue.record("expected dumps")
            return
        }
        // No service ran: only the backup has raised a counter.
        servers[0].kill()
        // The append-only file, which is a directory since Redis 7.
        for log in ["appendonlydir", "appendonly.aof"] {
            try? FileManager.default.removeItem(atPath: servers[0].directory + "/" + log)
        }
        let restored = try RedisServer([], port: servers[0].port)
        restored.kill()
        try FileManager.default.removeItem(atPath: restored.directory)
        try FileManager.default.copyItem(atPath: servers[0].directory, toPath: restored.directory)
        try restored.start()
        #expect(try restored.cli("HGET", "cap:identity", "state") == "member")
        try await runner.run { [reactor = runner.reactor, servers] in
            let cp = CPInstance(reactor, servers)
            #expect(await cp.waitForAll())
            #expect(cp.counts.rolledBackReplicas == 1)
            cp.close()
        }
        #expect(try restored.cli("DBSIZE") == "0")
    }

    @Test func aBackupIsRefusedIfAReplicaIsMissingOrNoMember() async throws {
        try await initialize()
        #expect(try await backup(only: "g9") == .refused("there is no replica 'g9'"))
        try servers[0].cli("FLUSHALL")
        #expect(try await backup() == .refused("g1 is not a member of the group 'cp' now"))
        servers[2].kill()
        guard case .refused(let reason) = try await backup(withinMs: 300) else {
            Issue.record("expected a refusal")
            return
        }
        #expect(reason.hasPrefix("cannot reach g3"))
    }

    /// A backup that raised the counter of a rolled-back replica would hide the rollback from the services.
    @Test func aBackupIsRefusedIfAReplicaIsBehindItsWitnesses() async throws {
        try await initialize()
        let incarnation = try servers[1].cli("HGET", "cap:identity", "incarnation")
        let counter = try servers[1].cli("HGET", "cap:identity", "rollback_counter")
        try servers[2].cli("HSET", "cap:rollback_counters", incarnation, "9")
        #expect(
            try await backup()
                == .refused("g2 was rolled back; start app-cp, which rebuilds it"))
        #expect(try servers[1].cli("HGET", "cap:identity", "rollback_counter") == counter)
    }

    @Test func initDistinguishesTwoGroupsOfOneName() async throws {
        let others = try CPServers()
        try await runner.run { [reactor = runner.reactor, servers] in
            for group in [servers, others] { #expect(await CPInstance.initialize(reactor, group) == .initialized) }
            let before = try others[0].cli("HGETALL", "cap:identity")
            for mixed in [[others[0], servers[1], servers[2]], [servers[0], others[1], servers[2]]] {
                guard case .refused(let reason) = await CPInstance.initialize(reactor, CPServers(mixed)) else {
                    Issue.record("replicas of two groups were accepted as one")
                    return
                }
                #expect(reason.contains("are of different groups, which are both called 'cp'"), "\(reason)")
            }
            #expect(try others[0].cli("HGETALL", "cap:identity") == before)
            // `init` also rejects a part of a group.
            guard case .refused(let reason) = await CPInstance.initialize(reactor, CPServers([servers[0], servers[1]]))
            else {
                Issue.record("two of three replicas were accepted as the group")
                return
            }
            #expect(reason.hasPrefix("g1 belongs to a group of other replicas (epoch=1 g1="), "\(reason)")
        }
    }

    @Test func initRecognisesAGroupWithARebuiltReplica() async throws {
        try await initialize()
        try await runner.run { [reactor = runner.reactor, servers] in
            let cp = CPInstance(reactor, servers, backgroundMs: 20)
            #expect(await cp.waitForAll())
            try servers[1].cli("FLUSHALL")
            #expect(await reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            #expect(await CPInstance.initialize(reactor, servers) == .alreadyInitialized(epoch: 3))
            cp.close()
        }
    }
}
