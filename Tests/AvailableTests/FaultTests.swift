import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

@Suite(.serialized, .timeLimit(.minutes(20))) struct FaultTests {
    @Test func withOneReplicaOfThreeEverythingSucceeds() async throws {
        try await withInstance { instance, servers in
            try await instance.write("k", "before")
            #expect(await instance.converged("k"))
            servers[0].kill()
            servers[2].kill()
            for round in 0..<20 {
                try await instance.write("k", "v\(round)")
                #expect(try await instance.read("k").text == "v\(round)")
            }
            #expect(try await instance.delete("k").existed)
        }
    }

    @Test func withoutAnyReplicaAChangeIsReportedAsNotApplied() async throws {
        try await withInstance { instance, _ in
            instance.group.cut = [0, 1, 2]
            await #expect { try await instance.write("k", "v") } throws: { error in
                (error as? AvailableFailure)?.code == .noReplica && (error as? AvailableFailure)?.outcome == .notApplied
            }
            await #expect { try await instance.read("k") } throws: { error in
                (error as? AvailableFailure)?.code == .noReplica && (error as? AvailableFailure)?.outcome == nil
            }
        }
    }

    @Test func aRestartedReplicaIsANewActorAndKeepsItsData() async throws {
        try await withInstance { instance, servers in
            try await instance.write("k", "before")
            #expect(await instance.converged("k"))
            #expect(await instance.waitForKnown())
            _ = await instance.raw(0, "BGREWRITEAOF")
            let before = instance.engine.replicas[0].incarnation
            servers[0].kill()
            try servers[0].start()
            #expect(await instance.reactor.eventually { instance.engine.replicas[0].incarnation != before })
            #expect(await instance.waitForAvailable())
            #expect(await instance.waitForKnown())
            try await instance.write("k", "after")
            #expect(try await instance.read("k").text == "after")
            #expect(await instance.converged("k"))
            #expect(await instance.record("k", 1)?.vector.entries.count == 2)
        }
    }

    @Test func aChangeWhoseReplyCannotBeReadHasAnUnknownOutcome() async throws {
        try await withInstance { instance, _ in
            instance.group.garblesChanges = true
            await #expect { try await instance.write("k", "v", withinMs: 3_000) } throws: { error in
                (error as? AvailableFailure)?.outcome == .unknown
            }
            instance.group.garblesChanges = false
            let read = try await instance.read("k")
            #expect(read.text == "v")
        }
    }

    @Test func aReplicaWhoseProcessIsDownIsNoPartition() async throws {
        try await withInstance { instance, servers in
            #expect(await instance.waitForKnown())
            servers[2].kill()
            #expect(await instance.reactor.eventually { instance.events.down == [2] })
            try servers[2].start()
            #expect(await instance.reactor.eventually(withinMs: 20_000) { instance.events.recovered == [2] })
            #expect(instance.events.suspected.isEmpty)
            #expect(instance.events.healed.isEmpty)
        }
    }

    @Test func theThirdReplicaAnswersAlthoughTheLatenciesOfTheSilentOnesAreEstimatedTooHigh() async throws {
        try await withInstance {
            $0.timeouts.maxMergeFenceMs = 1_000
        } _: { instance, _ in
            instance.group.deaf = [0, 1]
            // The latencies are estimated too high, as after late replies.
            instance.group.latencyMs = [0: 400, 1: 400, 2: 500]
            let written = try await instance.write("k", "v", withinMs: 1_000)
            #expect(written.replica == "g3")
        }
    }

    @Test func aRequestSurvivesAShortInterruptionOfAllConnections() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "v")
            instance.group.cut = [0, 1, 2]
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 300 * nsPerMs)
                instance.group.cut = []
            }
            #expect(try await instance.read("k").text == "v")
            instance.group.cut = [0, 1, 2]
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 300 * nsPerMs)
                instance.group.cut = []
            }
            try await instance.write("k", "w")
        }
    }

    @Test func aReplicaThatWasDistrustedWhileUnreachableIsUsedAgain() async throws {
        try await withInstance { instance, _ in
            instance.group.cut = [0]
            instance.engine.admission.readmit(0)
            instance.group.cut = []
            #expect(await instance.reactor.eventually { instance.engine.replicas.usable.contains(0) })
        }
    }

    @Test func aFlushedReplicaIsNotTrustedAndIsFilledAgain() async throws {
        try await withInstance { instance, _ in
            for index in 0..<300 { try await instance.write("k\(index)", "v\(index)") }
            #expect(await instance.converged("k299"))
            #expect(await instance.waitForKnown())
            let before = instance.engine.replicas[0].incarnation
            #expect(await instance.raw(0, "FLUSHALL") == .status("OK"))
            // The nearest replica is the blank one. Clients must not get "no such key" from it.
            for index in 0..<300 { #expect(try await instance.read("k\(index)").text == "v\(index)") }
            try await instance.write("k0", "new")
            #expect(await instance.reactor.eventually { instance.engine.replicas[0].incarnation != before })
            #expect(await instance.waitForKnown())
            for index in stride(from: 0, to: 300, by: 37) { #expect(await instance.converged("k\(index)")) }
            #expect(await instance.raw(0, "DBSIZE")?.int64 ?? 0 >= 300)
            #expect(try await instance.read("k0").text == "new")
            #expect(instance.events.suspected.isEmpty)
        }
    }

    @Test func readsWaitForAFlushedReplicaThatIsTheOnlyOneAndReportUnknownStaleness() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "v")
            instance.group.cut = [1, 2]
            _ = await instance.raw(0, "FLUSHALL")
            let read = try await instance.read("k")
            #expect(read.value == nil)
            #expect(read.stalenessMs == nil)
            #expect(read.isStale)
            try await instance.write("k", "again")
            #expect(try await instance.read("k").text == "again")
        }
    }

    @Test func aRedisKeyOfAnotherTypeIsAnErrorAndNeverATrap() async throws {
        try await withInstance { instance, _ in
            for replica in 0..<3 { _ = await instance.raw(replica, "SET", "ap:k", "x") }
            await #expect { try await instance.write("k", "v") } throws: { error in
                (error as? AvailableFailure)?.code == .badReply && (error as? AvailableFailure)?.outcome == .notApplied
            }
            await #expect { try await instance.read("k") } throws: { error in
                (error as? AvailableFailure)?.code == .badReply
            }
            for replica in 0..<3 {
                _ = await instance.raw(replica, "DEL", "ap:k")
                _ = await instance.raw(replica, "HSET", "ap:k", "what", "ever")
            }
            await #expect { try await instance.read("k") } throws: { error in
                (error as? AvailableFailure)?.code == .badReply
            }
            #expect(!instance.events.foreign.isEmpty)
            try await instance.write("other", "v")
            #expect(await instance.converged("other"))
        }
    }

    @Test func aRedisKeyOfAnotherTypeAtOneReplicaBlocksNoRecord() async throws {
        try await withInstance { instance, _ in
            _ = await instance.raw(1, "SET", "ap:bad", "x")
            try await instance.write("bad", "v")
            try await instance.write("good", "v")
            #expect(try await instance.read("bad").text == "v")
            #expect(await instance.converged("good"))
            #expect(await instance.reactor.eventually { instance.events.foreign.contains(Bytes("ap:bad".utf8)) })
            // Once the foreign key is deleted, the hint is delivered.
            _ = await instance.raw(1, "DEL", "ap:bad")
            #expect(await instance.converged("bad"))
        }
    }

    @Test func flushedScriptsAreLoadedAgain() async throws {
        try await withInstance { instance, _ in
            for replica in 0..<3 { _ = await instance.raw(replica, "SCRIPT", "FLUSH") }
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
        }
    }

    @Test func aReplicaOfAnotherGroupIsRefused() async throws {
        let servers = try APServers()
        try servers[1].cli("HSET", "cap:identity", "group", "other", "replica", "g2", "incarnation", "x", "run_id", "y")
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let instance = APInstance(reactor, servers)
            defer { instance.close() }
            #expect(await instance.waitForAvailable(2))
            #expect(await reactor.eventually { instance.events.refused.contains { $0.contains("other") } })
            try await instance.write("k", "v")
            #expect(await instance.raw(1, "EXISTS", "ap:k") != .integer(1))
        }
    }

    @Test func aReplicaThatMayEvictKeysIsRefused() async throws {
        let servers = try APServers()
        try servers[1].cli("CONFIG", "SET", "maxmemory", "100mb")
        try servers[1].cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let instance = APInstance(reactor, servers)
            defer { instance.close() }
            #expect(await instance.waitForAvailable(2))
            #expect(await reactor.eventually { instance.events.refused.contains { $0.contains("allkeys-lru") } })
            try servers[1].cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
            #expect(await instance.waitForAvailable(3))
        }
    }

    @Test func tooFewAcknowledgementsAreReportedAsApplied() async throws {
        try await withInstance {
            $0.writeAcks = 2
        } _: { instance, _ in
            let both = try await instance.write("k", "both")
            #expect(both.replicasAcked >= 2)
            instance.group.cut = [1, 2]
            await #expect { try await instance.write("k", "alone") } throws: { error in
                let failure = error as? AvailableFailure
                return failure?.code == .insufficientAcks && failure?.outcome == .applied
                    && failure?.applied?.replicasAcked == 1
            }
            instance.group.cut = []
            #expect(await instance.converged("k"))
            #expect(try await instance.read("k").text == "alone")
        }
    }

    @Test func aWriteThatTwoReplicasAcknowledgedSurvivesTheLossOfOne() async throws {
        try await withInstance {
            $0.writeAcks = 2
        } _: { instance, _ in
            for index in 0..<50 {
                let written = try await instance.write("k\(index)", "v\(index)")
                #expect(written.replicasAcked >= 2)
            }
            _ = await instance.raw(0, "FLUSHALL")
            for index in 0..<50 {
                #expect(await instance.converged("k\(index)", withinMs: 20_000))
                #expect(try await instance.read("k\(index)").text == "v\(index)")
            }
        }
    }

    @Test func hintsSurviveACrashOfTheirReplica() async throws {
        try await withInstance { instance, servers in
            instance.group.cut = [1, 2]
            for index in 0..<50 { try await instance.write("k\(index)", "v\(index)") }
            servers[0].kill()
            try servers[0].start()
            instance.group.cut = []
            for index in 0..<50 { #expect(await instance.converged("k\(index)", withinMs: 20_000)) }
        }
    }

    @Test func aWipedReplicaIsFilledFromOnePeerWhileTheOtherIsDown() async throws {
        try await withInstance { instance, servers in
            for index in 0..<50 { try await instance.write("k\(index)", "v\(index)") }
            #expect(await instance.waitForKnown())
            #expect(await instance.converged("k49"))
            servers[2].kill()
            #expect(await instance.waitForAvailable(2))
            _ = await instance.raw(1, "FLUSHALL")
            let isFilled = await instance.reactor.eventually(withinMs: 20_000) {
                for index in 0..<50 where await instance.record("k\(index)", 1) == Record() { return false }
                return true
            }
            #expect(isFilled)
            // g2 may lack records that only g3 has, so the staleness of g2 is unknown until g3 is back.
            #expect(instance.engine.stalenessMs(replica: 1) == nil)
            try servers[2].start()
            #expect(await instance.waitForKnown())
        }
    }

    @Test func aGroupMayHaveASingleReplica() async throws {
        let servers = try APServers(1)
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let instance = APInstance(reactor, servers)
            defer { instance.close() }
            #expect(await instance.waitForAvailable(1))
            try await instance.write("k", "v")
            #expect(try await instance.read("k").text == "v")
            #expect(await reactor.eventually { instance.engine.stalenessMs(replica: 0) ?? .max < 1_000 })
        }
    }

    @Test func aClockThatIsSetBackBelowTheReadingAtAdmissionIsDetected() async throws {
        let servers = try APServers(1)
        let runner = try ReactorRunner()
        try await runner.run {
            // Without background work, no probe reads the clock.
            let instance = APInstance(runner.reactor, servers, isRunning: false)
            defer { instance.close() }
            #expect(await instance.waitForAvailable(1))
            _ = await instance.raw(0, "SET", "cap:clock", "1")
            #expect(await instance.engine.admit(replica: 0))
            #expect(await instance.raw(0, "GET", "cap:clock")?.int64 ?? 0 > 1_000_000)
            let hour = "\(instance.reactor.wallClockMs * 1_000 + 3_600_000_000)"
            _ = await instance.raw(0, "SET", "cap:clock", hour)
            #expect(await instance.engine.admit(replica: 0))
            #expect(await instance.raw(0, "GET", "cap:clock")?.text == hour)
            try await instance.write("k", "v")
            #expect(await instance.raw(0, "GET", "cap:clock_epoch") == .bulk(Bytes("1".utf8)))
        }
    }

    @Test func aClockThatWasSetBackIsDetectedAndTolerated() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "before")
            #expect(await instance.waitForKnown())
            // As if the clock had been an hour ahead a moment ago.
            let hour = instance.reactor.wallClockMs * 1_000 + 3_600_000_000
            _ = await instance.raw(0, "SET", "cap:clock", "\(hour)")
            try await instance.write("k", "after")
            #expect(try await instance.read("k").text == "after")
            #expect(await instance.raw(0, "GET", "cap:clock_epoch") == .bulk(Bytes("1".utf8)))
            #expect(await instance.converged("k"))
            #expect(await instance.waitForKnown())
        }
    }
}
