import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(20))) struct SlowReaderTests {
    @Test func clientsThatDoNotReadCannotUseUpMemory() throws {
        let bytes = 8 << 20
        let server = try TestServer({ $0.buffers.maxTotalResponseBytes = 5 * bytes }) { router in
            router.add(.get, "/long", operation: "long") { _ in .text(String(repeating: "x", count: bytes)) }
            router.add(.get, "/short", operation: "short") { _ in .text("short") }
            router.add(.post, "/long", operation: "long") { _ in .text(String(repeating: "x", count: bytes)) }
        }
        defer { server.stop() }
        // Three clients send a request and do not read; a fourth response would exceed the limit.
        var idle: [TestClient] = []
        for count in 1...3 {
            let client = try server.connect()
            client.send(TestClient.text("GET", "/long"))
            idle.append(client)
            #expect(server.waits { $0.load.responses.used >= count * bytes })
        }
        let client = try server.connect()
        let refused = try client.request("GET", "/long")
        #expect(refused.status == 503)
        #expect(refused.text.contains("overloaded"))
        #expect(try client.request("GET", "/short").text == "short")
        // The outcome of a change is always sent.
        #expect(try client.request("POST", "/long").body.count == bytes)
        for client in idle { #expect(try client.readAnswer().body.count == bytes) }
        #expect(try client.request("GET", "/long").body.count == bytes)
        #expect(server.withServer { $0.load.responses.used } == 0)
    }

    @Test func oneAddressCannotUseUpTheMemoryOfOthers() throws {
        let bytes = 8 << 20
        let server = try TestServer({
            $0.buffers.maxTotalResponseBytes = 4 * bytes
            $0.buffers.maxTotalBodyBytes = 4_000
        }) { router in
            router.add(.get, "/long", operation: "long") { _ in .text(String(repeating: "x", count: bytes)) }
            router.add(.post, "/store", operation: "store", maxBodyBytes: 1_000) { .text("\($0.body.count)") }
        }
        defer { server.stop() }
        var stalled: [TestClient] = []
        for _ in 0..<4 {
            let reader = try server.connect(from: 2)
            reader.send(TestClient.text("GET", "/long"))
            let writer = try server.connect(from: 2)
            writer.send(
                String(TestClient.text("POST", "/store", body: String(repeating: "x", count: 1_000)).dropLast()))
            stalled += [reader, writer]
        }
        #expect(server.waits { $0.load.responses.used >= 2 * bytes && $0.load.bodies.used >= 1_998 })
        let client = try server.connect()
        #expect(try client.request("GET", "/long").body.count == bytes)
        #expect(try client.request("POST", "/store", body: String(repeating: "x", count: 1_000)).text == "1000")
        for client in stalled { client.abort() }
        #expect(server.waits { $0.load.responses.used == 0 && $0.load.bodies.used == 0 })
    }

    @Test(arguments: [true, false])
    func aClientThatReadsSlowlyGetsTheWholeResponse(isHalfClosed: Bool) throws {
        let bytes = 4 << 20
        let server = try TestServer({ $0.connections.idleTimeoutS = 3 }) { router in
            router.add(.get, "/long", operation: "long") { _ in .text(String(repeating: "x", count: bytes)) }
        }
        defer { server.stop() }
        let client = try TestClient(port: server.port, receiveBytes: 65_536)
        client.send(TestClient.text("GET", "/long"))
        if isHalfClosed { client.finishSending() }
        // In total, the client reads for longer than the idle timeout. A busy machine may double each pause and more:
        // in 3 s the client must read 64 KiB, which are 8 of 512 parts.
        let answer = try client.readAnswer { server.run { await $0.reactor.sleep(forNs: 8_000_000) } }
        #expect(answer.body.count == bytes)
        if isHalfClosed { #expect(client.isClosedByServer()) }
    }

    @Test func aClientThatStopsReadingIsDisconnected() throws {
        let server = try TestServer({ $0.connections.idleTimeoutS = 1 }) { router in
            router.add(.get, "/long", operation: "long") { _ in .text(String(repeating: "x", count: 8 << 20)) }
        }
        defer { server.stop() }
        let client = try server.connect()
        client.send(TestClient.text("GET", "/long"))
        client.finishSending()
        #expect(server.waits { $0.load.responses.used > 0 })
        #expect(server.waits { $0.load.responses.used == 0 })
    }
}
