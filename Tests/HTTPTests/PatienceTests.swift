import Testing

@testable import HTTP

private let half = "GET /hello HTTP/1.1\r\nHost: t\r\nX-Slow: "

private func makeServer(_ adjust: @escaping @Sendable (inout HTTPServerSettings) -> Void) throws -> TestServer {
    try TestServer(adjust) { router in
        router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
        router.add(.post, "/hello", operation: "hello", maxBodyBytes: 1 << 20) { .text("\($0.body.count)") }
    }
}

/// Sends single bytes until the server closes the connection, up to a limit.
private func drip(_ client: TestClient, into server: TestServer) -> Bool {
    for _ in 0..<2_000 {
        guard client.send("x") else { return true }
        // The reactor's own clock paces this: one turn of its loop, and a hundredth of a second.
        server.run { await $0.reactor.sleep(forNs: 10_000_000) }
    }
    return false
}

@Suite(.timeLimit(.minutes(20))) struct PatienceTests {
    @Test(arguments: [half, "GET /hel", "POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 500000\r\n\r\n"])
    func aClientThatSendsSingleBytesIsDisconnected(start: String) throws {
        let server = try makeServer { $0.idleTimeoutS = 1 }
        defer { server.stop() }
        let client = try server.connect()
        client.send(start)
        #expect(drip(client, into: server))
        #expect(try server.connect().request("GET", "/hello").text == "hello")
    }

    @Test func idleConnectionsAreClosedSoonerWhenConnectionsAreScarce() throws {
        let server = try makeServer {
            $0.connectionLimit = 8
            $0.crowdedIdleTimeoutMs = 200
        }
        defer { server.stop() }
        var held: [TestClient] = []
        for _ in 0..<8 {
            let client = try server.connect()
            client.send(half)
            held.append(client)
        }
        // It waits in the kernel's queue until one of the eight is let go.
        #expect(try server.connect().request("GET", "/hello").text == "hello")
        for client in held { #expect(client.isClosedByServer()) }
    }

    @Test func aClientWithASlowHandlerStaysConnected() throws {
        let gate = Gate()
        let server = try TestServer({
            $0.connectionLimit = 4
            $0.crowdedIdleTimeoutMs = 50
        }) { router in
            router.add(.get, "/slow", operation: "slow") { _ in
                await gate.pass()
                return .text("at last")
            }
        }
        defer { server.stop() }
        let slow = try (0..<3).map { _ in try server.connect() }
        for client in slow { client.send(TestClient.text("GET", "/slow")) }
        gate.waitForArrivals(3)
        // The fourth connection shows that the server has closed the idle ones.
        let idle = try server.connect()
        idle.send("GET /slow HTTP/1.1\r\n")
        #expect(idle.isClosedByServer())
        server.onReactor { gate.open() }
        for client in slow { #expect(try client.readAnswer().text == "at last") }
    }

    @Test func aLongBodyOverASlowLineIsAccepted() throws {
        let server = try makeServer { $0.idleTimeoutS = 1 }
        defer { server.stop() }
        let client = try server.connect()
        let pieceBytes = 65_536
        client.send("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: \(pieceBytes * 4)\r\n\r\n")
        for _ in 0..<4 {
            server.run { await $0.reactor.sleep(forNs: 450_000_000) }
            #expect(client.send(String(repeating: "x", count: pieceBytes)))
        }
        #expect(try client.readAnswer().text == String(pieceBytes * 4))
    }

    @Test func aConnectionClosedByItsClientIsReleasedBeforeTheIdleTimeout() throws {
        let server = try makeServer { $0.crowdedIdleTimeoutMs = 100 }
        defer { server.stop() }
        var clients: [TestClient] = []
        for _ in 0..<50 {
            let client = try server.connect()
            client.send(TestClient.text("GET", "/hello"))
            client.finishSending()
            clients.append(client)
        }
        for client in clients {
            #expect(try client.readAnswer().text == "hello")
            #expect(client.isClosedByServer())
        }
    }
}
