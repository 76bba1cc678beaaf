import Testing

@testable import CapLab

/// Forwarding of bytes, and the limits of the buffers.
@Suite(.timeLimit(.minutes(20))) struct RelayTests {
    @Test func bytesAreForwardedUnchangedBothWays() async throws {
        try await RelayScenario.run(echoes: true) { scenario in
            let client = try scenario.client()
            let text = (0..<20_000).map { "\($0)," }.joined()
            try await client.send(text)
            #expect(await client.expects(text))
        }
    }

    @Test func theEndOfEitherSideIsForwarded() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            client.finishWriting()
            #expect(await server.endsWith(.finished))
            try await server.send(", and goodbye")
            server.finishWriting()
            #expect(await client.endsWith(.finished))
            #expect(client.text == "welcome, and goodbye")
            #expect(await scenario.eventually { scenario.relay.connectionCount == 0 })
        }
    }

    @Test func aResetOfEitherSideIsForwarded() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            client.close(reset: true)
            #expect(await server.endsWith(.reset))
            let (other, otherServer) = try await scenario.pair()
            otherServer.close(reset: true)
            #expect(await other.endsWith(.reset))
            #expect(await scenario.eventually { scenario.relay.connectionCount == 0 })
        }
    }

    @Test func aServiceIsResetIfItsReplicaIsDown() async throws {
        try await RelayScenario.run { scenario in
            scenario.server.stop()
            let client = try scenario.client()
            #expect(await client.endsWith(.reset))
        }
    }

    @Test func concurrentConnectionsDoNotMix() async throws {
        try await RelayScenario.run(echoes: true) { scenario in
            let clients = try (0..<Relay.maxConnections).map { _ in try scenario.client() }
            for (number, client) in clients.enumerated() { try await client.send("I am \(number)") }
            for (number, client) in clients.enumerated() { #expect(await client.expects("I am \(number)")) }
            let tooMany = try scenario.client()
            #expect(await tooMany.endsWith(.reset))
            clients[0].close()
            #expect(await scenario.eventually { scenario.relay.connectionCount < Relay.maxConnections })
            let next = try scenario.client()
            try await next.send("again")
            #expect(await next.expects("again"))
        }
    }

    // MARK: Bounds

    @Test func aHeldLinkBuffersABoundedAmount() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            scenario.fault(.drop)
            let block = [UInt8](repeating: 120, count: 256 << 10)
            var sent = 0
            // Send until the relay's buffer is full and the kernel accepts no more bytes, whatever the sizes of its
            // buffers are.
            #expect(
                await scenario.eventually {
                    let count = client.sendSome(block[...])
                    sent += count
                    return count == 0 && scenario.relay.bufferedBytes == Channel.capacityBytes
                })
            #expect(scenario.relay.bufferedBytes == Channel.capacityBytes)
            scenario.heal()
            #expect(await scenario.eventually { server.receivedBytes == sent + 5 })
        }
    }

    @Test func aReplicaThatDoesNotReadSlowsTheServiceDown() async throws {
        try await RelayScenario.run { scenario in
            let (client, server) = try await scenario.pair()
            let block = [UInt8](repeating: 120, count: 256 << 10)
            var sent = 0
            var most = 0
            #expect(
                await scenario.eventually {
                    let count = client.sendSome(block[...])
                    sent += count
                    most = max(most, scenario.relay.bufferedBytes)
                    return count == 0 && scenario.relay.bufferedBytes == Channel.capacityBytes
                })
            #expect(most <= Channel.capacityBytes)
            #expect(await scenario.eventually { server.receivedBytes == sent + 5 })
        }
    }
}
