import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(20))) struct SlowReaderTests {
    @Test func clientsThatDoNotReadCannotUseUpMemory() throws {
        let bytes = 8 << 20
        let server = try TestServer({ $0.maxBufferedResponseBytes = 3 * bytes }) { router in
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
            #expect(server.waits { $0.load.bufferedResponseBytes >= count * bytes })
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
        #expect(server.withServer { $0.load.bufferedResponseBytes } == 0)
    }
}
