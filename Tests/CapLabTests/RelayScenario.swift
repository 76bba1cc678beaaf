import EventLoop
import TestSupport
import Testing

@testable import CapLab

/// A relay between a client, in the role of a service, and a server, in the role of a replica.
struct RelayScenario {
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

    /// Runs `body` on its own reactor.
    static func run(
        echoes: Bool = false, orphanLifeMs: UInt64 = Relay.standardOrphanLifeMs,
        _ body: @escaping @Sendable (RelayScenario) async throws -> Void
    ) async throws {
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let scenario = try RelayScenario(echoes: echoes, orphanLifeMs: orphanLifeMs, on: reactor)
            defer { scenario.stop() }
            try await body(scenario)
        }
    }
}
