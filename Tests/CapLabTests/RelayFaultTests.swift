import EventLoop
import Testing

@testable import CapLab

/// The effect of a link's faults on its connections.
@Suite(.timeLimit(.minutes(20))) struct RelayFaultTests {
    // MARK: Drop

    @Test func bytesHeldByACutArriveOnTheSameConnectionAfterTheHeal() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            try await client.send("request")
            try await server.send("answer")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 13 })
            #expect(server.text == "hello" && client.text == "welcome")
            #expect(server.ending == nil && client.ending == nil)
            scenario.heal()
            #expect(await server.expects("hellorequest"))
            #expect(await client.expects("welcomeanswer"))
        }
    }

    @Test func cutAndHealAreIdempotent() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            scenario.fault(.drop)
            try await client.send("x")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 1 })
            scenario.heal()
            scenario.heal()
            #expect(await server.expects("hellox"))
        }
    }

    @Test func aConnectionMadeDuringACutReachesTheReplicaAfterTheHeal() async throws {
        try await RelayScenario.run { scenario in
            scenario.fault(.drop)
            let client = try scenario.client()
            try await client.send("early")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 5 })
            #expect(scenario.server.accepted.isEmpty)
            scenario.heal()
            #expect(await scenario.eventually { scenario.server.accepted.first?.text == "early" })
        }
    }

    @Test func aConnectionClosedDuringACutNeverReachesTheReplica() async throws {
        try await RelayScenario.run { scenario in
            scenario.fault(.drop)
            let client = try scenario.client()
            try await client.send("early")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 5 })
            client.close()
            #expect(await scenario.eventually { scenario.relay.connectionCount == 0 })
            scenario.heal()
            let next = try scenario.client()
            try await next.send("next")
            #expect(await scenario.eventually { scenario.server.accepted.first?.text == "next" })
            #expect(scenario.server.accepted.count == 1)
        }
    }

    @Test func bytesOfAClosedConnectionArriveAfterTheHeal() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            try await client.send("stale write")
            client.close()
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 11 })
            #expect(server.ending == nil)
            scenario.heal()
            #expect(await server.endsWith(.finished))
            #expect(server.text == "hellostale write")
        }
    }

    @Test func bytesOfAResetConnectionAreDiscarded() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            try await client.send("forgotten")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 9 })
            client.close(reset: true)
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 0 })
            #expect(server.ending == nil)
            scenario.heal()
            #expect(await server.endsWith(.reset))
            #expect(server.text == "hello")
        }
    }

    @Test func bytesOfAClosedConnectionAreDiscardedAfterALongCut() async throws {
        try await RelayScenario.run(orphanLifeMs: 50) { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            try await client.send("too old")
            client.close()
            #expect(await scenario.eventually { scenario.relay.bytesFromService == 12 })
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 0 })
            #expect(server.ending == nil)
            scenario.heal()
            #expect(await server.endsWith(.reset))
            #expect(server.text == "hello")
        }
    }

    @Test func closedConnectionsDoNotAccumulateWithoutAnswers() async throws {
        try await RelayScenario.run(orphanLifeMs: 50) { scenario in
            for fault in [FaultMode.stall, .delay(ms: FaultMode.maxDelayMs)] {
                let clients = try (0..<20).map { _ in try scenario.client() }
                #expect(await scenario.eventually { scenario.relay.connectionCount == 20 })
                scenario.fault(fault)
                for client in clients { client.close() }
                #expect(await scenario.eventually { scenario.relay.connectionCount == 0 })
            }
        }
    }

    @Test func theResetOfAReplicaDuringACutArrivesAfterTheHeal() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            server.close(reset: true)
            try await client.send("anyone?")
            #expect(await scenario.eventually { scenario.relay.bytesFromService == 12 })
            #expect(client.ending == nil)
            scenario.heal()
            #expect(await client.endsWith(.reset))
        }
    }

    // MARK: One way, stall, reset, delay

    @Test func aOneWayCutHoldsOneDirectionOnly() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop, .toReplica)
            try await client.send("hold")
            try await server.send("!")
            #expect(await client.expects("welcome!"))
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 4 })
            #expect(server.text == "hello")
            scenario.heal()
            #expect(await server.expects("hellohold"))
        }
    }

    @Test func aOneWayCutHoldsNewConnectionsBothWays() async throws {
        try await RelayScenario.run(echoes: true) { scenario in
            scenario.fault(.drop, .toService)
            let client = try scenario.client()
            try await client.send("knock")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 5 })
            #expect(client.text.isEmpty)
            scenario.heal()
            #expect(await client.expects("knock"))
        }
    }

    @Test func aStallDeliversRequestsAndHoldsAnswers() async throws {
        try await RelayScenario.run { scenario in
            scenario.fault(.stall)
            let client = try scenario.client()
            try await client.send("do it")
            #expect(await scenario.eventually { scenario.server.accepted.first?.text == "do it" })
            try await scenario.server.accepted[0].send("done")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 4 })
            #expect(client.text.isEmpty)
            scenario.heal()
            #expect(await client.expects("done"))
        }
    }

    @Test func aResetClosesOpenConnectionsAndRejectsNewOnes() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.reset)
            #expect(await client.endsWith(.reset))
            #expect(await server.endsWith(.reset))
            let refused = try scenario.client()
            #expect(await refused.endsWith(.reset))
            scenario.heal()
            _ = try await scenario.pair()
        }
    }

    @Test func aDelayAppliesToEachDirection() async throws {
        try await RelayScenario.run(echoes: true) { scenario in
            let client = try scenario.client()
            try await client.send("a")
            #expect(await client.expects("a"))
            scenario.fault(.delay(ms: 30))
            let startNs = monotonicNs()
            try await client.send("b")
            #expect(await client.expects("ab"))
            // Check only a lower bound, because a machine may be slow.
            #expect(monotonicNs() - startNs >= 60 * nsPerMs)
        }
    }

    @Test func aDelayedEndFollowsTheBytes() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.delay(ms: 20))
            try await client.send(" and last words")
            client.finishWriting()
            #expect(await server.endsWith(.finished))
            #expect(server.text == "hello and last words")
        }
    }

    @Test func healingALongDelayDeliversWaitingBytesAtOnce() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.delay(ms: FaultMode.maxDelayMs))
            try await client.send("!")
            #expect(await scenario.eventually { scenario.relay.bufferedBytes == 1 })
            scenario.heal()
            #expect(await server.expects("hello!"))
        }
    }
}
