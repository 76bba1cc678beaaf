import EventLoop
import TestSupport
import Testing

@testable import CapLab

/// The faulty proxy between clients and a service. The test takes the role of the service.
@Suite(.timeLimit(.minutes(20))) struct BugProxyTests {
    private struct Scene {
        let reactor: Reactor
        let server: TestServer
        let proxy: BugProxy

        func client() throws -> Peer { try Peer(connectingTo: proxy.port, on: reactor) }

        /// The service's end of the connection number `index`.
        func service(_ index: Int) async throws -> Peer {
            #expect(await reactor.eventually { server.accepted.count > index })
            return try #require(server.accepted.count > index ? server.accepted[index] : nil)
        }
    }

    private func run(_ bug: LabBug, _ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let server = try TestServer(echoes: false, on: reactor)
            let proxy = try BugProxy(bug, port: 0, servicePort: server.port, on: reactor)
            defer {
                proxy.close()
                server.stop()
            }
            try await body(Scene(reactor: reactor, server: server, proxy: proxy))
        }
    }

    private static func answer(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let read = "GET /read/k HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func aReadReturnsAnEarlierAnswerAlthoughTheServiceHasANewerOne() async throws {
        try await run(.staleRead) { scene in
            let client = try scene.client()
            try await client.send(Self.read)
            let service = try await scene.service(0)
            #expect(await service.expects(Self.read))
            try await service.send(Self.answer("ana"))
            #expect(await client.expects(Self.answer("ana")))
            // The second answer is from the cache, although the connection is another one. The third read is forwarded.
            let other = try scene.client()
            try await other.send(Self.read)
            #expect(await other.expects(Self.answer("ana")))
            try await other.send(Self.read)
            let second = try await scene.service(1)
            #expect(await second.expects(Self.read))
            try await second.send(Self.answer("bob"))
            #expect(await other.expects(Self.answer("ana") + Self.answer("bob")))
        }
    }

    @Test func requestsThatFollowEachOtherAreAnsweredInOrder() async throws {
        try await run(.staleRead) { scene in
            let client = try scene.client()
            let write = "POST /write/k HTTP/1.1\r\nContent-Length: 3\r\n\r\nbob"
            try await client.send(Self.read + write + Self.read)
            let service = try await scene.service(0)
            #expect(await service.expects(Self.read))
            try await service.send(Self.answer("ana"))
            #expect(await service.expects(Self.read + write))
            try await service.send(Self.answer("applied"))
            #expect(await client.expects(Self.answer("ana") + Self.answer("applied") + Self.answer("ana")))
        }
    }

    @Test func aDroppedWriteIsAcknowledgedOnceItsBodyHasEnded() async throws {
        try await run(.lostWrite) { scene in
            let client = try scene.client()
            let write = "POST /write/k HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
            try await client.send(write + "ana")
            let service = try await scene.service(0)
            #expect(await service.expects(write + "ana"))
            try await service.send(Self.answer("ok"))
            #expect(await client.expects(Self.answer("ok")))
            try await client.send(write + "bo")
            try await client.send("b" + Self.read)
            #expect(await scene.reactor.eventually { client.text.contains(#""outcome":"applied""#) })
            #expect(await service.expects(write + "ana" + Self.read))
        }
    }

    @Test func everythingElsePassesUnchanged() async throws {
        try await run(.staleRead) { scene in
            let client = try scene.client()
            let chunked = "POST /write/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nana\r\n0\r\n\r\n"
            try await client.send(chunked)
            let service = try await scene.service(0)
            #expect(await service.expects(chunked))
            try await service.send("anything")
            #expect(await client.expects("anything"))
            client.finishWriting()
            #expect(await service.endsWith(.finished))
            service.finishWriting()
            #expect(await client.endsWith(.finished))
            #expect(await scene.reactor.eventually { scene.proxy.connectionCount == 0 })
        }
    }

    @Test func aLargeAnswerPassesWhole() async throws {
        try await run(.staleRead) { scene in
            let client = try scene.client()
            try await client.send(Self.read)
            let service = try await scene.service(0)
            let large = Self.answer(String(repeating: "x", count: 3 << 20))
            try await service.send(large)
            #expect(await client.expects(large))
        }
    }

    @Test func aClientIsResetIfTheServiceIsDown() async throws {
        try await run(.staleRead) { scene in
            scene.server.stop()
            let client = try scene.client()
            #expect(await client.endsWith(.reset))
            #expect(await scene.reactor.eventually { scene.proxy.connectionCount == 0 })
        }
    }

    @Test func theEndOfEitherSideEndsBoth() async throws {
        try await run(.staleRead) { scene in
            let client = try scene.client()
            try await client.send(Self.read)
            let service = try await scene.service(0)
            try await service.send(Self.answer("ana"))
            #expect(await client.expects(Self.answer("ana")))
            client.close()
            #expect(await service.endsWith(.finished))
            let other = try scene.client()
            let second = try await scene.service(1)
            second.close()
            #expect(await other.endsWith(.finished))
            #expect(await scene.reactor.eventually { scene.proxy.connectionCount == 0 })
        }
    }
}
