import Testing

@testable import HTTP

private func makeServer() throws -> TestServer {
    try TestServer({ $0.connections.idleTimeoutS = 1 }) { router in
        router.add(.get, "/hello", operation: "hello", parameters: ["a"]) { _ in .text("hello") }
        router.add(.post, "/hello", operation: "hello", maxBodyBytes: 100) { _ in .text("hello") }
    }
}

private func expectAlive(_ server: TestServer) throws {
    #expect(try server.connect().request("GET", "/hello").text == "hello")
}

@Suite(.timeLimit(.minutes(20))) struct MalformedTests {
    @Test(arguments: [
        "garbage\r\n\r\n", "\0\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n",
        "GET /hello XTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nno colon\r\n\r\n", "POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: abc\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n",
    ])
    func garbageClosesOnlyItsOwnConnection(text: String) throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        client.send(text)
        let answer = try client.readAnswer()
        #expect(answer["Content-Type"] == "application/problem+json")
        #expect(answer["Connection"] == "close")
        #expect(client.readToEnd() == "")
        try expectAlive(server)
        #expect(server.withServer { $0.requestsInFlight } == 0)
    }

    @Test(arguments: [
        ("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: abc\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length:\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: +3\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 3,3\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX Y: z\r\n\r\n", 400),
        ("POST /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400), ("GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n", 400), ("GET /hello HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n", 400), ("GET /hello HTTP/1.1\r\nHost: %zz\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: t\r\nX(Y: z\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: t\r\n: z\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: t\r\nX: y\r\n z\r\n\r\n", 400),
        ("GET /hello HTTP/2.0\r\nHost: t\r\n\r\n", 505),
        ("GET /hello HTTP/1.1\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /hel lo HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc", 501),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length\t: 3\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nX-A: b\rContent-Length: 3\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\0 3\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\0 3\r\nX-A: b\r\n\r\nabc", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\r\nX-A: b\0\r\nX-B: c\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\nHost: a\nX: y\n\n", 400),
        ("POST /hello HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET /hello\0x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /hello?a\0x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ])
    func ambiguousMessagesAreRejected(text: String, status: Int) throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        client.send(text)
        let answer = try client.readAnswer()
        #expect(answer.status == status)
        #expect(answer["Content-Type"] == "application/problem+json")
        #expect(client.readToEnd() == "", "one answer")
        try expectAlive(server)
    }

    @Test(arguments: [
        "GET /hello?a=b HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost:t \t\r\nX-Tab: a\tb\r\nX-Empty:\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: t\r\nX-Umlaut: \u{e4}\r\nCookie: a=b; c=d\r\n\r\n",
        "\r\nGET /hello HTTP/1.1\r\nHost: t\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 3 \t\r\n\r\nabc",
        "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: [::1]:5001\r\n\r\n",
        "GET /hello HTTP/1.2\r\nHost: a%20b:\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: Chunked\r\n\r\n3 ;x=\"y\"\r\nabc\r\n00\r\nX: y\r\n\r\n",
    ])
    func unusualButUnambiguousMessagesAreAccepted(text: String) throws {
        let server = try makeServer()
        defer { server.stop() }
        let client = try server.connect()
        client.send(text)
        #expect(try client.readAnswer().text == "hello")
        // The message is also accepted after another request in the same packet.
        let second = try server.connect()
        second.send("GET /hello HTTP/1.1\r\nHost: t\r\n\r\n" + text)
        #expect(try second.readAnswer().text == "hello")
        #expect(try second.readAnswer().text == "hello")
    }

    @Test func aTooLongHeaderBlockIsRejected() throws {
        let server = try makeServer()
        defer { server.stop() }
        for (name, size) in [("X-Big", 8_200), ("Cookie", 9_000), ("X-Big", 20_000), ("Cookie", 200_000)] {
            let client = try server.connect()
            client.send("GET /hello HTTP/1.1\r\nHost: t\r\n\(name): \(String(repeating: "b", count: size))\r\n\r\n")
            let answer = try client.readAnswer()
            #expect(answer.status == 431)
            #expect(answer["Content-Type"] == "application/problem+json")
            #expect(client.readToEnd() == "")
        }
        try expectAlive(server)
    }

    @Test func manyHeaderFieldsAreRejectedOrAccepted() throws {
        let server = try makeServer()
        defer { server.stop() }
        for count in stride(from: 10, through: 700, by: 10) {
            let client = try server.connect()
            client.send("GET /hello HTTP/1.1\r\nHost: t\r\n" + String(repeating: "X-A: b\r\n", count: count) + "\r\n")
            #expect([200, 431].contains(try client.readAnswer().status), "\(count) fields")
            let query = try server.connect()
            query.send("GET /hello?\(String(repeating: "a&", count: count * 4)) HTTP/1.1\r\nHost: t\r\n\r\n")
            #expect([200, 431].contains(try query.readAnswer().status), "\(count * 4) query items")
            let cookies = try server.connect()
            cookies.send(
                "GET /hello HTTP/1.1\r\nHost: t\r\nCookie: \(String(repeating: "a=b; ", count: count))\r\n\r\n")
            #expect([200, 431].contains(try cookies.readAnswer().status), "\(count) cookies")
        }
        try expectAlive(server)
    }

    @Test func headerBlocksUpToTheLimitAreAccepted() throws {
        let server = try makeServer()
        defer { server.stop() }
        for size in stride(from: 3_000, through: 8_200, by: 50) {
            let client = try server.connect()
            client.send("GET /hello HTTP/1.1\r\nHost: t\r\nX-Big: \(String(repeating: "b", count: size))\r\n\r\n")
            #expect([200, 431].contains(try client.readAnswer().status), "\(size)")
        }
    }

    @Test func aTooLongTargetIsRejected() throws {
        let server = try makeServer()
        defer { server.stop() }
        for size in [9_000, 100_000] {
            let client = try server.connect()
            client.send("GET /\(String(repeating: "u", count: size)) HTTP/1.1\r\nHost: t\r\n\r\n")
            let answer = try client.readAnswer()
            #expect(answer.status == 414)
            #expect(answer["Content-Type"] == "application/problem+json")
        }
        try expectAlive(server)
    }

    @Test func aConnectionWithAnIncompleteRequestIsClosedAfterTheIdleTimeout() throws {
        let server = try TestServer({ $0.connections.idleTimeoutS = 1 }) { router in
            router.add(.post, "/hello", operation: "hello", maxBodyBytes: 100) { _ in .text("hello") }
        }
        defer { server.stop() }
        let idle = try server.connect()
        let halfHeader = try server.connect()
        halfHeader.send("POST /hello HTTP/1.1\r\nHo")
        let halfBody = try server.connect()
        halfBody.send("POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        #expect(idle.isClosedByServer())
        #expect(halfHeader.isClosedByServer())
        #expect(halfBody.isClosedByServer())
        #expect(server.withServer { $0.requestsInFlight } == 0)
        #expect(server.withServer { $0.load.bodies.used } == 0)
    }

    @Test func messagesOfTheLibraryReachTheCallback() throws {
        let messages = Box<[String]>([])
        let server = try TestServer { router in router.add(.get, "/", operation: "root") { _ in .text("") } }
        defer { server.stop() }
        let second = server.onReactor {
            let second = HTTPServer(
                reactor: server.reactor, settings: .init(host: "127.0.0.1", port: 0), router: Router())
            second.onLibraryMessage = { messages.value.append($0) }
            try! second.start()
            return Box(second)
        }
        let client = try TestClient(port: server.onReactor { second.value.boundPort })
        client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\na")
        #expect(server.waits { _ in second.value.requestsInFlight == 1 })
        client.abort()
        #expect(server.waits { _ in !messages.value.isEmpty })
        server.onReactor { second.value.stop() }
    }
}
