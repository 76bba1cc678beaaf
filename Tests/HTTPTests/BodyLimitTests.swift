import Testing

@testable import HTTP

private let limit = 1_000

private func addStore(_ router: Router) {
    router.add(.post, "/store", operation: "store", maxBodyBytes: limit) { request in
        .text("\(request.body.count) \(request.body.allSatisfy { $0 == UInt8(ascii: "x") })")
    }
    router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
}

private func makeServer() throws -> TestServer {
    try TestServer({ $0.buffers.maxDiscardedBytes = 10_000 }, routes: addStore)
}

private func bytes(_ count: Int) -> String { String(repeating: "x", count: count) }

private func chunked(_ sizes: [Int], isEnded: Bool = true) -> String {
    var text = "POST /store HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size in sizes { text += "\(String(size, radix: 16))\r\n\(bytes(size))\r\n" }
    return text + (isEnded ? "0\r\n\r\n" : "")
}

private func expectTooLarge(_ answer: TestClient.Answer) {
    #expect(answer.text.contains(#""outcome":"not_applied""#))
    #expect(answer.status == 413)
    #expect(answer["Content-Type"] == "application/problem+json")
    #expect(answer.text.contains("\"code\":\"value_too_large\""))
}

@Suite(.timeLimit(.minutes(20))) struct BodyLimitTests {
    @Test(arguments: [0, 1, limit - 1, limit])
    func aBodyUpToTheLimitIsAccepted(size: Int) throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        #expect(try client.request("POST", "/store", body: bytes(size)).text == "\(size) true")
        client.send(chunked(size == 0 ? [] : [size]))
        #expect(try client.readAnswer().text == "\(size) true")
        #expect(server.withServer { $0.load.bodies.used } == 0)
    }

    @Test func aBodyInManyPartsIsAssembled() throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        client.send(chunked(Array(repeating: 1, count: limit)))
        #expect(try client.readAnswer().text == "\(limit) true")
        for piece in TestClient.text("POST", "/store", body: bytes(20)).map(String.init) { client.send(piece) }
        #expect(try client.readAnswer().text == "20 true")
    }

    @Test func aBodyLongerThanTheConnectionMemoryIsAccepted() throws {
        let server = try TestServer { router in
            router.add(.post, "/store", operation: "store", maxBodyBytes: 1 << 20) { .text("\($0.body.count)") }
        }
        defer { server.stop() }
        let client = try server.connect()
        #expect(try client.request("POST", "/store", body: bytes(1 << 20)).text == "\(1 << 20)")
        #expect(try client.request("POST", "/store", body: bytes(1 << 20 + 1)).status == 413)
    }

    @Test(arguments: [limit + 1, limit + 9_000])
    func aSlightlyTooLongBodyKeepsTheConnectionUsable(size: Int) throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        expectTooLarge(try client.request("POST", "/store", body: bytes(size)))
        #expect(try client.request("GET", "/hello").text == "hello")
        client.send(chunked([size]))
        expectTooLarge(try client.readAnswer())
        #expect(try client.request("GET", "/hello").text == "hello")
        #expect(server.withServer { $0.load.bodies.used } == 0)
    }

    @Test func aMuchTooLongBodyIsRejectedEarlyAndTheConnectionClosedCleanly() throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        // The client can send the complete body without a reset, and then read the answer.
        #expect(client.send(TestClient.text("POST", "/store", body: bytes(2_000_000))))
        let answer = try client.readAnswer()
        expectTooLarge(answer)
        #expect(answer["Connection"] == "close")
        #expect(client.isClosedByServer())
    }

    @Test(arguments: [10, 100_000, 2_000_000])
    func aWrongMethodComesBeforeATooLongBody(size: Int) throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        #expect(try client.request("PUT", "/store", body: bytes(size)).status == 405)
        #expect(try server.connect().request("POST", "/nothing", body: bytes(size)).status == 404)
    }

    @Test func anEndlessChunkedBodyIsCutOff() throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        #expect(client.send(chunked(Array(repeating: 1_000, count: 500), isEnded: false)))
        let answer = try client.readAnswer()
        expectTooLarge(answer)
        #expect(answer["Connection"] == "close")
        #expect(client.isClosedByServer())
        #expect(server.withServer { $0.load.bodies.used } == 0)
        #expect(server.withServer { $0.requestsInFlight } == 0)
    }

    @Test func aClientThatExpects100ContinueIsRejectedBeforeItSends() throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        client.send("POST /store HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        #expect(try client.readAnswer().status == 100)
        client.send("xxxxx")
        #expect(try client.readAnswer().text == "5 true")
        client.send("POST /store HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: \(limit + 1)\r\n\r\n")
        expectTooLarge(try client.readAnswer())
        #expect(client.isClosedByServer())
    }

    @Test func bufferedBodiesOfAllConnectionsAreLimited() throws {
        let server = try TestServer({ $0.buffers.maxTotalBodyBytes = 2_500 }, routes: addStore)
        defer { server.stop() }
        let first = try server.connect()
        let second = try server.connect()
        let request = TestClient.text("POST", "/store", body: bytes(limit))
        first.send(String(request.dropLast()))
        #expect(server.waits { $0.load.bodies.used >= limit - 1 })
        second.send(request)
        let refused = try second.readAnswer()
        #expect(refused.status == 503)
        #expect(refused["Retry-After"] != nil)
        #expect(refused.text.contains("\"code\":\"overloaded\""))
        first.send("x")
        #expect(try first.readAnswer().text == "\(limit) true")
        second.send(request)
        #expect(try second.readAnswer().text == "\(limit) true")
    }

    @Test func rejectedRequestsAreReportedToTheHandler() throws {
        let seen = Box<[String]>([])
        let server = try TestServer { router in
            addStore(router)
            router.onResponse = { seen.value.append("\($0.method.name) \($1) \($2.status)") }
        }
        defer { server.stop() }
        let client = try server.connect()
        _ = try client.request("POST", "/store", body: bytes(limit + 1))
        _ = try client.request("GET", "/hello")
        _ = try client.request("GET", "/nothing")
        #expect(server.onReactor { seen.value } == ["POST store 413", "GET hello 200", "GET unknown 404"])
    }
}
