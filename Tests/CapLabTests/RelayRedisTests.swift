import EventLoop
import TestSupport
import Testing

@testable import CapLab

/// Relays in front of a real redis-server.
@Suite(.timeLimit(.minutes(20))) struct RelayRedisTests {
    private func scene(
        _ body: @escaping @Sendable (RedisServer, Relay, Reactor) async throws -> Void
    ) async throws {
        let redis = try RedisServer([])
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let relay = try Relay(Link(service: "s", replica: "r"), replicaPort: redis.port, on: reactor)
            defer { relay.close() }
            try await body(redis, relay, reactor)
        }
    }

    private func fault(_ mode: FaultMode) -> LinkFault {
        var fault = LinkFault.none
        fault.add(mode, .both)
        return fault
    }

    @Test func pipelinedCommandsAreAnsweredInOrder() async throws {
        try await scene { _, relay, reactor in
            let client = try Peer(connectingTo: relay.port, on: reactor)
            try await client.send(String(repeating: "INCR n\r\n", count: 1_000))
            #expect(await client.expects((1...1_000).map { ":\($0)\r\n" }.joined()))
        }
    }

    @Test func aWriteSentDuringACutIsAppliedAfterTheHeal() async throws {
        try await scene { redis, relay, reactor in
            let client = try Peer(connectingTo: relay.port, on: reactor)
            try await client.send("SET k before\r\n")
            #expect(await client.expects("+OK\r\n"))
            relay.apply(fault(.drop))
            try await client.send("SET k after\r\n")
            #expect(await reactor.eventually { relay.bufferedBytes > 0 })
            #expect(try redis.cli("GET", "k") == "before")
            relay.apply(.none)
            #expect(await client.expects("+OK\r\n+OK\r\n"))
            #expect(try redis.cli("GET", "k") == "after")
        }
    }

    @Test func aStalledWriteIsAppliedWithoutAnAnswer() async throws {
        try await scene { redis, relay, reactor in
            relay.apply(fault(.stall))
            let client = try Peer(connectingTo: relay.port, on: reactor)
            try await client.send("SET k stalled\r\n")
            #expect(await reactor.eventually { relay.bufferedBytes == 5 })
            #expect(try redis.cli("GET", "k") == "stalled")
            #expect(client.text.isEmpty)
        }
    }

    @Test func aPausedServerAnswersAfterItIsResumed() async throws {
        try await scene { redis, relay, reactor in
            redis.pause()
            let client = try Peer(connectingTo: relay.port, on: reactor)
            try await client.send("PING\r\n")
            #expect(await reactor.eventually { relay.bytesFromService == 6 })
            #expect(client.text.isEmpty && client.ending == nil)
            redis.resume()
            #expect(await client.expects("+PONG\r\n"))
        }
    }

    @Test func aRestartedServerIsReachedOnTheSamePort() async throws {
        try await scene { redis, relay, reactor in
            let client = try Peer(connectingTo: relay.port, on: reactor)
            try await client.send("PING\r\n")
            #expect(await client.expects("+PONG\r\n"))
            redis.kill()
            #expect(await reactor.eventually { client.ending != nil })
            try redis.start()
            let next = try Peer(connectingTo: relay.port, on: reactor)
            try await next.send("PING\r\n")
            #expect(await next.expects("+PONG\r\n"))
        }
    }
}
