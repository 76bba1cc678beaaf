import EventLoop
import Foundation
import Redis
import Replication
import Testing
import TestSupport

@testable import Consistent

/// Rule C8 on real servers: blank replicas are rebuilt.
@Suite(.serialized, .timeLimit(.minutes(20))) struct RebuildTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    @Test func aWipedReplicaIsRebuiltWhileTrafficGoesOn() async throws {
        try await run(backgroundMs: 20) { cp in
            for key in 0..<300 { try await cp.write("k\(key)", "old") }
            var failures = 0
            var written = 0
            var isOver = false
            cp.reactor.spawn {
                while !isOver {
                    do { try await cp.write("k\(written % 300)", "new") } catch { failures += 1 }
                    written += 1
                }
            }
            try servers[0].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            isOver = true
            #expect(failures == 0)
            #expect(await cp.reactor.eventually { await cp.roles() == ["acceptor", "acceptor", "acceptor"] })
            let state = await cp.engine.replicas(deadlineNs: cp.reactor.nowNs + 1_000 * nsPerMs)
            #expect(state.map(\.epoch) == [3, 3, 3])
            // A rebuild step that began with an older probe may examine the replica again.
            #expect(await cp.reactor.eventually { cp.engine.views[0].rebuild?.phase == .done })
            #expect(cp.engine.views[0].rebuild?.keysCompared ?? 0 >= 300)

            // Catch-up copies the data to the rebuilt replica.
            #expect(await cp.reactor.eventually { await cp.holdEqualKeyCounts() })
            for key in [0, 150, 299] {
                #expect(await cp.reactor.eventually { (try? ballots(of: "k\(key)").count) == 1 })
            }
            #expect(
                await cp.reactor.eventually {
                    var ballots: Set<Bytes?> = []
                    for replica in 0..<3 {
                        ballots.insert(await cp.ask(replica, "HGET", "cap:config", "ballot")?.bytes)
                    }
                    return ballots.count == 1 && !ballots.contains(nil)
                })
            servers[1].kill()
            for key in 0..<300 { #expect(["old", "new"].contains(try await cp.read("k\(key)").text)) }
            try servers[1].start()
        }
    }

    @Test func anIdleInstanceNoticesAChangeOfTheMembership() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "v")
            // This instance takes one step while the other one takes many, so it never completes the rebuild first.
            let idle = CPInstance(cp.reactor, servers, backgroundMs: 400)
            defer { idle.close() }
            #expect(await idle.waitForAll())
            #expect(try await idle.read("k").text == "v")
            try servers[0].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            #expect(await cp.reactor.eventually { idle.engine.views.allSatisfy { $0.role == .member } })
            #expect(
                await cp.reactor.eventually {
                    idle.engine.configurations.current?.voters == idle.group.everyReplica
                })
        }
    }

    @Test func theOtherReplicasAreMadeToAgreeFirst() async throws {
        try await run(backgroundMs: 20) { cp in
            // The write is on g1 and g2 alone; then g1 loses it.
            servers[2].kill()
            try await cp.write("k", "a")
            servers[0].kill()
            servers[1].kill()
            for server in servers.servers { try server.start() }
            try servers[0].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            servers[1].kill()
            #expect(await cp.reactor.eventually { (try? await cp.read("k"))?.text == "a" })
            try servers[1].start()
        }
    }

    @Test func anotherInstanceResumesFromEveryStep() async throws {
        try await runOnGroup { reactor in
            let first = CPInstance(reactor, servers)
            #expect(await first.waitForAll())
            try await first.write("k", "a")
            for stepsDone in 1...3 {
                try servers[0].cli("FLUSHALL")
                try servers[0].cli(
                    "HSET", "cap:identity", "group", "cp", "replica", "g1", "incarnation",
                    "00000000000000a\(stepsDone)",
                    "state", "rebuilding", "epoch", "0", "rollback_counter", "0")
                for step in 1..<stepsDone { #expect(await first.change(g1: "00000000000000a\(stepsDone)", step == 2)) }
                let second = CPInstance(reactor, servers, backgroundMs: 20)
                #expect(await reactor.eventually { second.counts.rebuiltReplicas == 1 })
                #expect(try servers[0].cli("HGET", "cap:identity", "incarnation") == "00000000000000a\(stepsDone)")
                #expect(try servers[0].cli("HGET", "cap:identity", "state") == "member")
                #expect(
                    await reactor.eventually { (try? servers[0].cli("HGET", "cp:k", "value")) == "a" })
                second.close()
            }
        }
    }

    @Test func twoConcurrentRebuildsDoNoHarm() async throws {
        try await run(backgroundMs: 20) { cp in
            let other = CPInstance(cp.reactor, servers, backgroundMs: 20)
            #expect(await other.waitForAll())
            for key in 0..<50 { try await cp.write("k\(key)", "a") }
            try servers[2].cli("FLUSHALL")
            for instance in [cp, other] {
                #expect(await cp.reactor.eventually { await instance.roles() == ["acceptor", "acceptor", "acceptor"] })
            }
            for key in 0..<50 { #expect(try await other.read("k\(key)").text == "a") }
            try await other.write("k0", "b")
            #expect(try await cp.read("k0").text == "b")
            other.close()
        }
    }

    @Test func theConfigurationOfAnInterruptedInitIsIgnored() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            try servers[0].cli("FLUSHALL")
            try servers[0].cli(
                "HSET", "cap:config", "promise", "9000:00000000000000aa", "ballot", "9000:00000000000000aa", "version",
                "1", "value", "epoch=1 g1=00000000000000aa:voter g2=00000000000000bb:voter g3=cc:voter",
                "deleted", "0", "expires_ms", "", "writers", "", "evicted_at", "0")
            try servers[0].cli(
                "HSET", "cap:identity", "group", "cp", "replica", "g1", "incarnation", "00000000000000aa", "state",
                "rebuilding", "epoch", "0", "rollback_counter", "0")
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            // The new instance reaches only the new member and one other replica.
            servers[1].kill()
            let other = CPInstance(cp.reactor, servers)
            defer { other.close() }
            #expect(await cp.reactor.eventually { (try? await other.read("k"))?.text == "a" })
            try servers[1].start()
        }
    }

    @Test func aRebuildWaitsForTheOtherReplicasAndReportsThat() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            servers[2].kill()
            try servers[0].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { await cp.rebuild(of: 0)?.note == "waits: g3 does not answer" })
            #expect(await cp.rebuild(of: 0)?.phase == .waiting)
            try servers[2].start()
            #expect(await cp.reactor.eventually { await cp.roles() == ["acceptor", "acceptor", "acceptor"] })
            #expect(try await cp.read("k").text == "a")
        }
    }

    @Test func aRebuiltReplicaGetsTheHigherWatermark() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            try servers[1].cli("SET", "cap:gc_ballot", "7:00000000000000aa")
            try servers[2].cli("SET", "cap:gc_version", "9")
            try servers[0].cli("FLUSHALL")
            #expect(await cp.reactor.eventually { cp.counts.rebuiltReplicas == 1 })
            #expect(try servers[0].cli("GET", "cap:gc_ballot") == "7:00000000000000aa")
            #expect(try servers[0].cli("GET", "cap:gc_version") == "9")
        }
    }

    @Test func aRepeatedAcceptAdoptsTheEpoch() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            let register = Register(key: Bytes("k".utf8))
            let deadlineNs = cp.reactor.nowNs + 1_000 * nsPerMs
            let old = try await cp.engine.configurations.configuration(deadlineNs: deadlineNs)
            let record = await cp.ask(
                0, "HMGET", "cp:k", "ballot", "version", "value", "deleted", "expires_ms", "writers", "evicted_at")
            let fields = try #require(record?.array)
            let ballot = try #require(fields[0].bytes.flatMap(Ballot.init(text:)))
            let state = try #require(RegisterState(fields: fields[1...]))
            let next = AcceptorCommands(
                group: Bytes("cp".utf8), configuration: GroupConfiguration(epoch: old.epoch + 1, entries: old.entries))
            let call = QuorumCall(group: cp.group, scheduler: cp.reactor, deadlineNs: deadlineNs)
            call.send(next.accept(register, ballot, state), to: [0])
            await call.waitForAll()
            #expect(call.reply(from: 0) == .integer(1))
            #expect(await cp.ask(0, "HGET", "cap:identity", "epoch")?.int64 == Int64(old.epoch) + 1)
        }
    }

    @Test func aReplicaThatRestartsWithItsDataStaysAMember() async throws {
        try await run(backgroundMs: 20) { cp in
            try await cp.write("k", "a")
            let before = try servers[1].cli("HGET", "cap:identity", "incarnation")
            for _ in 0..<3 {
                servers[1].kill()
                try servers[1].start()
                #expect(await cp.waitForAll())
            }
            #expect(try servers[1].cli("HGET", "cap:identity", "incarnation") == before)
            #expect(cp.counts.rolledBackReplicas == 0)
        }
    }
}

extension CPInstance {
    func rebuild(of replica: Int) async -> RebuildProgress? {
        await engine.replicas(deadlineNs: reactor.nowNs + 1_000 * nsPerMs)[replica].rebuild
    }

    /// One step of a rebuild: gets the configuration chosen that names the new incarnation of g1.
    func change(g1 incarnation: String, _ isVoter: Bool) async -> Bool {
        let deadlineNs = reactor.nowNs + 1_000 * nsPerMs
        for _ in 0..<3 {
            guard let old = try? await engine.configurations.configuration(deadlineNs: deadlineNs) else {
                continue
            }
            let new = old.replacing(0, with: Bytes(incarnation.utf8), isVoter: isVoter)
            if await engine.configurations.change(from: old, to: new, deadlineNs: deadlineNs) { return true }
        }
        return false
    }
}
