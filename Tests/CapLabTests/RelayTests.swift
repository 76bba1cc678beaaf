import EventLoop
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// A relay between a client (in the role of a service) and a server (in that of a replica).
@Suite struct RelayTests {
    private struct Scene {
        let reactor: Reactor
        let server: TestServer
        let relay: Relay

        init(echoes: Bool, orphanLifeMs: UInt64, on reactor: Reactor) throws {
            self.reactor = reactor
            server = try TestServer(echoes: echoes, on: reactor)
            relay = try Relay(
                Link(service: "s", replica: "r"), replicaPort: server.port, orphanLifeMs: orphanLifeMs,
                on: reactor)
        }

        func stop() {
            relay.close()
            server.stop()
        }

        func client() throws -> Peer { try Peer(connectingTo: relay.port, on: reactor) }

        func fault(_ mode: FaultMode, _ directions: Directions = .both) {
            var fault = relay.fault
            fault.add(mode, directions)
            relay.apply(fault)
        }

        func heal() { relay.apply(.none) }

        func eventually(_ condition: () async -> Bool) async -> Bool { await reactor.eventually(condition) }

        /// A client and the server's end of its connection, after a first exchange each way.
        func pair() async throws -> (client: Peer, server: Peer) {
            let before = server.accepted.count
            let client = try client()
            try await client.send("hello")
            #expect(await eventually { server.accepted.count > before })
            let peer = try #require(server.accepted.last)
            #expect(await peer.expects("hello"))
            try await peer.send("welcome")
            #expect(await client.expects("welcome"))
            return (client, peer)
        }
    }

    /// Runs `body` on a reactor of its own.
    private func scene(
        echoes: Bool = false, orphanLifeMs: UInt64 = Relay.standardOrphanLifeMs,
        _ body: @escaping @Sendable (Scene) async throws -> Void
    ) async throws {
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let scene = try Scene(echoes: echoes, orphanLifeMs: orphanLifeMs, on: reactor)
            defer { scene.stop() }
            try await body(scene)
        }
    }

    // MARK: A healthy link

    @Test func bytesPassBothWaysUnchanged() async throws {
        try await scene(echoes: true) { scene in
            let client = try scene.client()
            let text = (0..<20_000).map { "\($0)," }.joined()
            try await client.send(text)
            #expect(await client.expects(text))
        }
    }

    @Test func theEndOfEitherSideReachesTheOther() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            client.finishWriting()
            #expect(await server.endsWith(.finished))
            try await server.send(", and goodbye")
            server.finishWriting()
            #expect(await client.endsWith(.finished))
            #expect(client.text == "welcome, and goodbye")
            #expect(await scene.eventually { scene.relay.connectionCount == 0 })
        }
    }

    @Test func aResetOfEitherSideReachesTheOther() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            client.close(reset: true)
            #expect(await server.endsWith(.reset))
            let (other, otherServer) = try await scene.pair()
            otherServer.close(reset: true)
            #expect(await other.endsWith(.reset))
            #expect(await scene.eventually { scene.relay.connectionCount == 0 })
        }
    }

    @Test func whereTheReplicaIsDownTheServiceIsReset() async throws {
        try await scene { scene in
            scene.server.stop()
            let client = try scene.client()
            #expect(await client.endsWith(.reset))
        }
    }

    @Test func manyConnectionsAtOnceDoNotMix() async throws {
        try await scene(echoes: true) { scene in
            let clients = try (0..<Relay.maxConnections).map { _ in try scene.client() }
            for (number, client) in clients.enumerated() { try await client.send("I am \(number)") }
            for (number, client) in clients.enumerated() { #expect(await client.expects("I am \(number)")) }
            let tooMany = try scene.client()
            #expect(await tooMany.endsWith(.reset))
            clients[0].close()
            #expect(await scene.eventually { scene.relay.connectionCount < Relay.maxConnections })
            let next = try scene.client()
            try await next.send("again")
            #expect(await next.expects("again"))
        }
    }

    // MARK: Drop

    @Test func aCutHoldsWhatIsOnItsWayAndTheHealDeliversItOnTheSameConnection() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            try await client.send("request")
            try await server.send("answer")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 13 })
            #expect(server.text == "hello" && client.text == "welcome")
            #expect(server.ending == nil && client.ending == nil)
            scene.heal()
            #expect(await server.expects("hellorequest"))
            #expect(await client.expects("welcomeanswer"))
        }
    }

    @Test func cuttingAndHealingTwiceIsAsGoodAsOnce() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            scene.fault(.drop)
            try await client.send("x")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 1 })
            scene.heal()
            scene.heal()
            #expect(await server.expects("hellox"))
        }
    }

    @Test func aConnectionMadeDuringTheCutReachesTheReplicaAfterTheHealOnly() async throws {
        try await scene { scene in
            scene.fault(.drop)
            let client = try scene.client()
            try await client.send("early")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 5 })
            #expect(scene.server.accepted.isEmpty)
            scene.heal()
            #expect(await scene.eventually { scene.server.accepted.first?.text == "early" })
        }
    }

    @Test func aConnectionGivenUpDuringTheCutNeverReachesTheReplica() async throws {
        try await scene { scene in
            scene.fault(.drop)
            let client = try scene.client()
            try await client.send("early")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 5 })
            client.close()
            #expect(await scene.eventually { scene.relay.connectionCount == 0 })
            scene.heal()
            let next = try scene.client()
            try await next.send("next")
            #expect(await scene.eventually { scene.server.accepted.first?.text == "next" })
            #expect(scene.server.accepted.count == 1)
        }
    }

    @Test func whatAClosedConnectionHadSentStillArrivesAfterTheHeal() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            try await client.send("stale write")
            client.close()
            #expect(await scene.eventually { scene.relay.bufferedBytes == 11 })
            #expect(server.ending == nil)
            scene.heal()
            #expect(await server.endsWith(.finished))
            #expect(server.text == "hellostale write")
        }
    }

    @Test func whatAResetConnectionHadSentIsForgotten() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            try await client.send("forgotten")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 9 })
            client.close(reset: true)
            #expect(await scene.eventually { scene.relay.bufferedBytes == 0 })
            #expect(server.ending == nil)
            scene.heal()
            #expect(await server.endsWith(.reset))
            #expect(server.text == "hello")
        }
    }

    @Test func whatAClosedConnectionHadSentIsForgottenWhenTheCutLastsTooLong() async throws {
        try await scene(orphanLifeMs: 50) { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            try await client.send("too old")
            client.close()
            #expect(await scene.eventually { scene.relay.bytesFromService == 12 })
            #expect(await scene.eventually { scene.relay.bufferedBytes == 0 })
            #expect(server.ending == nil)
            scene.heal()
            #expect(await server.endsWith(.reset))
            #expect(server.text == "hello")
        }
    }

    @Test func connectionsThatAServiceGivesUpDoNotPileUpWhereNothingAnswers() async throws {
        try await scene(orphanLifeMs: 50) { scene in
            for fault in [FaultMode.stall, .delay(ms: FaultMode.maxDelayMs)] {
                let clients = try (0..<20).map { _ in try scene.client() }
                #expect(await scene.eventually { scene.relay.connectionCount == 20 })
                scene.fault(fault)
                for client in clients { client.close() }
                #expect(await scene.eventually { scene.relay.connectionCount == 0 })
            }
        }
    }

    @Test func aReplicaThatDiesDuringTheCutIsNoticedAfterTheHeal() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            server.close(reset: true)
            try await client.send("anyone?")
            #expect(await scene.eventually { scene.relay.bytesFromService == 12 })
            #expect(client.ending == nil)
            scene.heal()
            #expect(await client.endsWith(.reset))
        }
    }

    // MARK: One way, stall, reset, delay

    @Test func aOneWayCutHoldsThatWayAndLetsTheOtherPass() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop, .toReplica)
            try await client.send("hold")
            try await server.send("!")
            #expect(await client.expects("welcome!"))
            #expect(await scene.eventually { scene.relay.bufferedBytes == 4 })
            #expect(server.text == "hello")
            scene.heal()
            #expect(await server.expects("hellohold"))
        }
    }

    @Test func underAOneWayCutANewConnectionIsHeldBothWays() async throws {
        try await scene(echoes: true) { scene in
            scene.fault(.drop, .toService)
            let client = try scene.client()
            try await client.send("knock")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 5 })
            #expect(client.text.isEmpty)
            scene.heal()
            #expect(await client.expects("knock"))
        }
    }

    @Test func aStallDeliversRequestsAndHoldsAnswersAlsoOnNewConnections() async throws {
        try await scene { scene in
            scene.fault(.stall)
            let client = try scene.client()
            try await client.send("do it")
            #expect(await scene.eventually { scene.server.accepted.first?.text == "do it" })
            try await scene.server.accepted[0].send("done")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 4 })
            #expect(client.text.isEmpty)
            scene.heal()
            #expect(await client.expects("done"))
        }
    }

    @Test func aResetEndsOpenConnectionsOnBothSidesAndRefusesNewOnes() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.reset)
            #expect(await client.endsWith(.reset))
            #expect(await server.endsWith(.reset))
            let refused = try scene.client()
            #expect(await refused.endsWith(.reset))
            scene.heal()
            _ = try await scene.pair()
        }
    }

    @Test func aDelayMakesEachWayTakeThatLong() async throws {
        try await scene(echoes: true) { scene in
            let client = try scene.client()
            try await client.send("a")
            #expect(await client.expects("a"))
            scene.fault(.delay(ms: 30))
            let startNs = monotonicNs()
            try await client.send("b")
            #expect(await client.expects("ab"))
            // Not "about": a machine may always be slower, never faster.
            #expect(monotonicNs() - startNs >= 60 * nsPerMs)
        }
    }

    @Test func underDelayTheEndComesBehindTheBytes() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.delay(ms: 20))
            try await client.send(" and last words")
            client.finishWriting()
            #expect(await server.endsWith(.finished))
            #expect(server.text == "hello and last words")
        }
    }

    @Test func healingALongDelayDeliversAtOnceWhatWasWaiting() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.delay(ms: FaultMode.maxDelayMs))
            try await client.send("!")
            #expect(await scene.eventually { scene.relay.bufferedBytes == 1 })
            scene.heal()
            #expect(await server.expects("hello!"))
        }
    }

    // MARK: Bounds

    @Test func aHeldLinkTakesABoundedAmountAndThenStopsReading() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            scene.fault(.drop)
            let block = [UInt8](repeating: 120, count: 256 << 10)
            var sent = 0
            // Full when the relay is full and the kernel takes nothing more, whatever its own buffers are.
            #expect(
                await scene.eventually {
                    let count = client.sendSome(block[...])
                    sent += count
                    return count == 0 && scene.relay.bufferedBytes == Channel.capacityBytes
                })
            #expect(scene.relay.bufferedBytes == Channel.capacityBytes)
            scene.heal()
            #expect(await scene.eventually { server.receivedBytes == sent + 5 })
        }
    }

    @Test func aReplicaThatDoesNotReadSlowsTheServiceDownInsteadOfFillingTheRelay() async throws {
        try await scene { scene in
            let (client, server) = try await scene.pair()
            let block = [UInt8](repeating: 120, count: 256 << 10)
            var sent = 0
            var most = 0
            #expect(
                await scene.eventually {
                    let count = client.sendSome(block[...])
                    sent += count
                    most = max(most, scene.relay.bufferedBytes)
                    return count == 0 && scene.relay.bufferedBytes == Channel.capacityBytes
                })
            #expect(most <= Channel.capacityBytes)
            #expect(await scene.eventually { server.receivedBytes == sent + 5 })
        }
    }
}
