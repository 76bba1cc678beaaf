import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(20))) struct ConnectionLimitTests {
    @Test func aClientWithManyIdleConnectionsKeepsNoOtherOut() throws {
        let seen = Box<Set<ConnectionLimit>>([])
        let server = try TestServer.hello {
            $0.connections.limit = 32
            $0.connections.leastIdleMs = 20
        }
        defer { server.stop() }
        server.withServer { $0.onConnectionLimit = { limit, _ in seen.value.insert(limit) } }
        let patient = try server.connect()
        var idle: [TestClient] = []
        for _ in 0..<20 {
            for _ in 0..<10 { idle.append(try server.connect(from: 2)) }
            // The idle connections of one address, accepted or refused, do not delay another address.
            #expect(try server.connect().request("GET", "/hello").text == "hello")
            #expect(try patient.request("GET", "/hello").text == "hello")
        }
        #expect(server.withServer { $0.connectionCount } <= 32)
        #expect(server.onReactor { seen.value }.isSubset(of: [.address, .refused]))
        #expect(server.onReactor { !seen.value.isEmpty })
    }

    @Test func theLongestIdleConnectionIsClosedForANewOne() throws {
        let server = try TestServer.hello {
            $0.connections.limit = 4
            $0.connections.leastIdleMs = 20
        }
        defer { server.stop() }
        // The connections of four addresses reach the limit.
        let clients = try (1...4).map { try server.connect(from: $0) }
        for client in clients.dropFirst() + clients.prefix(1) {
            #expect(try client.request("GET", "/hello").status == 200)
            server.run { await $0.reactor.sleep(forNs: 2_000_000) }
        }
        #expect(try server.connect(from: 5).request("GET", "/hello").text == "hello")
        #expect(clients[1].isClosedByServer())
        #expect(try clients[0].request("GET", "/hello").text == "hello")
    }

    @Test func aBusyConnectionIsNotClosedForANewOne() throws {
        let gate = Gate()
        let server = try TestServer.hello(gate: gate) {
            $0.connections.limit = 4
            $0.connections.leastIdleMs = 0
        }
        defer { server.stop() }
        let busy = try (0..<2).map { _ in try server.connect() }
        for client in busy { client.send(TestClient.text("GET", "/wait")) }
        gate.waitForArrivals(2)
        let refused = try server.connect()
        #expect(try refused.readAnswer().text.contains("\"code\":\"overloaded\""))
        server.onReactor { gate.open() }
        for client in busy { #expect(try client.readAnswer().text == "waited") }
        #expect(try server.connect(from: 2).request("GET", "/wait").text == "waited")
    }
}
