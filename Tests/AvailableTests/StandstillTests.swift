import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// Replicas that are stopped (`SIGSTOP`) or slow: connected, but unresponsive.
@Suite(.serialized, .timeLimit(.minutes(20))) struct StandstillTests {
    /// Another replica is asked after a second and a half, unless `adjust` sets another delay.
    private func withHedges(
        _ adjust: @escaping @Sendable (inout AvailableSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (APInstance, APServers) async throws -> Void
    ) async throws {
        try await withInstance(
            {
                $0.timeouts.minHedgeMs = 1_500
                $0.timeouts.maxHedgeMs = 1_500
                adjust(&$0)
            }, body)
    }

    @Test func aStoppedReplicaDoesNotRunALateWrite() async throws {
        try await withHedges { instance, servers in
            try await instance.write("k", "old")
            #expect(await instance.converged("k"))
            let group = instance.group
            group.cut = [1, 2]
            servers[0].pause()
            await #expect { try await instance.write("k", "late", withinMs: 400) } throws: { error in
                (error as? AvailableFailure)?.outcome == .unknown
            }
            // The client got a failure and writes again at another replica.
            group.cut = [0]
            try await instance.write("k", "newer")
            servers[0].resume()
            group.cut = []
            #expect(await instance.waitForAvailable())
            #expect(await instance.converged("k"))
            let read = try await instance.read("k")
            #expect(read.text == "newer")
            #expect(read.conflicts.isEmpty)
        }
    }

    @Test func aStoppedCoordinatorDelaysAWriteByItsFence() async throws {
        try await withHedges { instance, servers in
            try await instance.write("k", "old")
            #expect(await instance.converged("k"))
            servers[0].pause()
            defer { servers[0].resume() }
            try await instance.write("k", "new")
            #expect(try await instance.read("k").text == "new")
        }
    }

    @Test func anIncompleteReplicaDoesNotAnswerBeforeACompleteOne() async throws {
        try await withHedges {
            $0.timeouts.minHedgeMs = 5
            $0.timeouts.maxHedgeMs = 2_000
        } _: { instance, servers in
            try await instance.write("k", "v")
            #expect(await instance.waitForKnown())
            #expect(await instance.converged("k"))
            servers[1].kill()
            #expect(await instance.waitForAvailable(2))
            // g3 is wiped while g2 is down, so it may lack records that only g2 has. Its staleness is unknown.
            let before = instance.engine.replicas[2].incarnation
            _ = await instance.raw(2, "FLUSHALL")
            #expect(
                await instance.reactor.eventually {
                    instance.engine.replicas.usable.contains(2) && instance.engine.replicas[2].incarnation != before
                })
            #expect(instance.engine.stalenessMs(replica: 2) == nil)
            servers[0].pause()
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 200 * nsPerMs)
                servers[0].resume()
            }
            let read = try await instance.read("k")
            #expect(read.replica == "g1")
            #expect(read.stalenessMs != nil)
            // If no other replica answers, the answer of g3 counts.
            servers[0].pause()
            defer { servers[0].resume() }
            let only = try await instance.read("k")
            #expect(only.replica == "g3")
            #expect(only.stalenessMs == nil)
        }
    }

    @Test func aDeleteOfAnAbsentKeyIsAnsweredWhileAReplicaIsStopped() async throws {
        try await withHedges { instance, servers in
            let absent = try await instance.delete("absent")
            #expect(!absent.existed)
            servers[0].pause()
            defer { servers[0].resume() }
            var made: [String] = []
            for index in 0..<5 {
                // The stopped replica may still run the delete, so another replica stores the tombstone.
                let deleted = try await instance.delete("k\(index)")
                #expect(deleted.replica != "g1")
                if deleted.existed { made.append("k\(index)") }
                let read = try await instance.read("k\(index)")
                #expect(read.value == nil)
            }
            servers[0].resume()
            #expect(!made.isEmpty)
            for key in made { #expect(await instance.converged(key)) }
        }
    }

    @Test func aDeleteOfAnAbsentKeySurvivesAShortStopOfTheOnlyReplica() async throws {
        try await withHedges { instance, servers in
            try await instance.write("other", "v")
            instance.group.cut = [1, 2]
            servers[0].pause()
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 150 * nsPerMs)
                servers[0].resume()
            }
            defer { servers[0].resume() }
            _ = try await instance.delete("absent")
            let read = try await instance.read("absent")
            #expect(read.value == nil)
        }
    }

    @Test func aSecondReplicaAnswersIfTheFirstIsSlow() async throws {
        try await withHedges {
            $0.timeouts.minHedgeMs = 5
            $0.timeouts.maxHedgeMs = 50
        } _: { instance, servers in
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            servers[0].pause()
            defer { servers[0].resume() }
            for _ in 0..<5 {
                let read = try await instance.read("k")
                #expect(read.text == "v")
                #expect(read.replica != "g1")
            }
        }
    }

    @Test func pagesOfConflictsMayComeFromDifferentReplicas() async throws {
        try await withHedges {
            $0.timeouts.minHedgeMs = 5
            $0.timeouts.maxHedgeMs = 50
        } _: { instance, servers in
            for key in ["c1", "c2", "c3"] { try await instance.makeConflict(key) }
            let first = try await instance.conflicts(limit: 2)
            #expect(first.keys == ["c1", "c2"].map { Bytes($0.utf8) })
            servers[0].pause()
            defer { servers[0].resume() }
            servers[1].pause()
            defer { servers[1].resume() }
            let second = try await instance.conflicts(after: first.next, limit: 2)
            #expect(second.keys == [Bytes("c3".utf8)])
            #expect(second.next == nil)
        }
    }

    @Test func aPageOfConflictsSurvivesAShortStopOfTheOnlyReplica() async throws {
        try await withHedges { instance, servers in
            try await instance.makeConflict("k")
            instance.group.cut = [1, 2]
            servers[0].pause()
            defer { servers[0].resume() }
            // The pause is longer than the timeout of a background command, and well within the deadline of the
            // request.
            let pauseNs = (instance.settings.timeouts.callMs + 150) * nsPerMs
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: pauseNs)
                servers[0].resume()
            }
            #expect(try await instance.conflicts().keys == [Bytes("k".utf8)])
        }
    }

    @Test func withoutAnyReplicaAPageOfConflictsTimesOut() async throws {
        try await withHedges { instance, servers in
            for server in servers.servers { server.pause() }
            defer { for server in servers.servers { server.resume() } }
            await #expect { _ = try await instance.conflicts(withinMs: 100) } throws: { error in
                (error as? AvailableFailure)?.code == .timeout
            }
        }
    }
}
