import Testing

@testable import HTTP

/// `/wait` answers when the gate is opened, `/hello` at once.
private func addWaiting(_ router: Router, _ gate: Gate) {
    router.add(.get, "/wait", operation: "wait") { request in
        await gate.pass()
        return .text("waited \(request.header("X-Number") ?? "-")")
    }
    router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
}

@Suite(.timeLimit(.minutes(20))) struct WaitingTests {
    @Test(arguments: [(1, 128), (50, 128), (300, 128), (300, 0), (128, 128), (129, 128)])
    func anyNumberOfWaitingRequestsIsAnsweredLater(count: Int, maxUnsuspended: Int) throws {
        let gate = Gate()
        let server = try TestServer({ $0.requests.maxUnsuspended = maxUnsuspended }) { addWaiting($0, gate) }
        defer { server.stop() }
        let clients = try (0..<count).map { _ in try server.connect() }
        for (index, client) in clients.enumerated() {
            client.send(TestClient.text("GET", "/wait", headers: ["X-Number: \(index)"]))
        }
        gate.waitForArrivals(count)
        #expect(server.withServer { $0.requestsInFlight } == count)
        #expect(server.withServer { $0.load.unsuspendedCount } == min(count, maxUnsuspended))
        // Other requests are served meanwhile.
        #expect(try server.connect().request("GET", "/hello").text == "hello")
        server.onReactor { gate.open() }
        for (index, client) in clients.enumerated() { #expect(try client.readAnswer().text == "waited \(index)") }
        // The connections are still usable.
        for client in clients { #expect(try client.request("GET", "/hello").text == "hello") }
        #expect(server.withServer { $0.requestsInFlight } == 0)
        #expect(server.withServer { $0.load.unsuspendedCount } == 0)
    }

    @Test(arguments: [128, 0])
    func waitingPipelinedRequestsAreAnsweredInOrder(maxUnsuspended: Int) throws {
        let gate = Gate()
        let server = try TestServer({ $0.requests.maxUnsuspended = maxUnsuspended }) { addWaiting($0, gate) }
        defer { server.stop() }
        let client = try server.connect()
        for index in 0..<10 {
            client.send(TestClient.text("GET", index % 2 == 0 ? "/wait" : "/hello", headers: ["X-Number: \(index)"]))
        }
        gate.waitForArrivals(1)
        server.onReactor { gate.open() }
        for index in 0..<10 { #expect(try client.readAnswer().text == (index % 2 == 0 ? "waited \(index)" : "hello")) }
    }

    @Test(arguments: [128, 0], [true, false])
    func aClientThatDisconnectsWhileWaitingAffectsNoOther(maxUnsuspended: Int, isReset: Bool) throws {
        let gate = Gate()
        let seen = Box<[String]>([])
        let server = try TestServer({ $0.requests.maxUnsuspended = maxUnsuspended }) { router in
            router.add(.get, "/wait/{key}", operation: "wait") { request in
                await gate.pass()
                let key = String(decoding: try request.segment(1), as: UTF8.self)
                seen.value.append("\(key) \(request.header("If-Match") ?? "no precondition")")
                return .text("late")
            }
        }
        defer { server.stop() }
        let clients = try (0..<20).map { _ in try server.connect() }
        for client in clients { client.send(TestClient.text("GET", "/wait/k", headers: ["If-Match: \"7\""])) }
        gate.waitForArrivals(20)
        for client in clients.dropFirst() { isReset ? client.abort() : client.close() }
        // The server does not detect the end of a suspended connection. It drops a connection in the list of ready
        // connections when it detects its reset.
        if isReset, maxUnsuspended > 0 {
            #expect(server.waits { $0.connections.waitingExchanges.count <= 1 })
            #expect(server.withServer { $0.requestsInFlight } == 20)
        }
        server.onReactor { gate.open() }
        #expect(try clients[0].readAnswer().text == "late")
        #expect(server.waits { $0.requestsInFlight <= 0 })
        #expect(server.onReactor { seen.value } == Array(repeating: "k \"7\"", count: 20))
        #expect(try server.connect().request("GET", "/wait/k").text == "late")
    }

    @Test func requestsAboveTheInFlightLimitAreRejected() throws {
        let gate = Gate()
        let server = try TestServer({ $0.requests.maxInFlight = 2 }) { addWaiting($0, gate) }
        defer { server.stop() }
        let clients = try (0..<2).map { _ in try server.connect() }
        for client in clients { client.send(TestClient.text("GET", "/wait")) }
        gate.waitForArrivals(2)
        let third = try server.connect()
        let refused = try third.request("GET", "/hello")
        #expect(refused.status == 503)
        #expect(refused["Retry-After"] == "1")
        #expect(refused.text.contains("\"code\":\"overloaded\""))
        server.onReactor { gate.open() }
        for client in clients { #expect(try client.readAnswer().status == 200) }
        #expect(try third.request("GET", "/hello").status == 200)
    }

    @Test func uploadsContinueWhileOthersWait() throws {
        let gate = Gate()
        let server = try TestServer { router in
            addWaiting(router, gate)
            router.add(.post, "/store", operation: "store", maxBodyBytes: 1 << 20) { .text("\($0.body.count)") }
        }
        defer { server.stop() }
        let waiting = try server.connect()
        waiting.send(TestClient.text("GET", "/wait"))
        gate.waitForArrivals(1)
        let client = try server.connect()
        let body = String(repeating: "x", count: 1 << 20)
        #expect(try client.request("POST", "/store", body: body).text == "\(1 << 20)")
        server.onReactor { gate.open() }
        #expect(try waiting.readAnswer().status == 200)
    }

    @Test func aLargeResponseArrivesComplete() throws {
        let server = try TestServer { router in
            router.add(.get, "/large", operation: "large") { _ in
                Response(contentType: ContentType.octets, body: [UInt8](repeating: 7, count: 8 << 20))
            }
        }
        defer { server.stop() }
        let client = try server.connect()
        for _ in 0..<2 {
            let answer = try client.request("GET", "/large")
            #expect(answer.body.count == 8 << 20)
            #expect(answer.body.allSatisfy { $0 == 7 })
        }
    }
}
