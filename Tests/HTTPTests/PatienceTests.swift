import Testing

@testable import HTTP

private let half = "GET /hello HTTP/1.1\r\nHost: t\r\nX-Slow: "

/// Sends single bytes until the server closes the connection, at most 2,000. Returns whether the server closed it.
private func drip(_ client: TestClient, into server: TestServer) -> Bool {
    for _ in 0..<2_000 {
        guard client.send("x") else { return true }
        // Wait 10 ms by the reactor's own clock, so that its loop runs at least one turn per byte.
        server.run { await $0.reactor.sleep(forNs: 10_000_000) }
    }
    return false
}

@Suite(.timeLimit(.minutes(20))) struct PatienceTests {
    @Test(arguments: [half, "GET /hel", "POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 500000\r\n\r\n"])
    func aClientThatSendsSingleBytesIsDisconnected(start: String) throws {
        let server = try TestServer.hello { $0.connections.idleTimeoutS = 1 }
        defer { server.stop() }
        let client = try server.connect()
        client.send(start)
        #expect(drip(client, into: server))
        #expect(try server.connect().request("GET", "/hello").text == "hello")
    }

    @Test func idleConnectionsAreClosedSoonerWhenConnectionsAreScarce() throws {
        let server = try TestServer.hello {
            $0.connections.limit = 16
            // Longer than it takes a busy machine to connect all clients. If one is closed before, they are not scarce.
            $0.connections.crowdedIdleTimeoutMs = 2_000
        }
        defer { server.stop() }
        var held: [TestClient] = []
        for number in 0..<12 {
            let client = try server.connect(from: 1 + UInt32(number) / 4)
            client.send(half)
            held.append(client)
        }
        for client in held { #expect(client.isClosedByServer()) }
    }

    @Test func aClientWithASlowHandlerStaysConnected() throws {
        let gate = Gate()
        let server = try TestServer.hello(gate: gate) {
            $0.connections.limit = 4
            $0.connections.crowdedIdleTimeoutMs = 50
        }
        defer { server.stop() }
        let slow = try (1...3).map { try server.connect(from: $0) }
        for client in slow { client.send(TestClient.text("GET", "/wait")) }
        gate.waitForArrivals(3)
        // The server closes this connection, which waits with a part of a request. So it has also examined the others.
        let idle = try server.connect(from: 4)
        idle.send("GET /wait HTTP/1.1\r\n")
        #expect(idle.isClosedByServer())
        server.onReactor { gate.open() }
        for client in slow { #expect(try client.readAnswer().text == "waited") }
    }

    @Test func aLongBodyOverASlowLineIsAccepted() throws {
        let server = try TestServer.hello { $0.connections.idleTimeoutS = 1 }
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
        let server = try TestServer.hello { $0.connections.crowdedIdleTimeoutMs = 100 }
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
