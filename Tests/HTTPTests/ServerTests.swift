import JSON
import Testing

@testable import HTTP

/// `/echo/{key}` returns the key in Base64, the target, the query item `q`, `If-Match`, and the length of the body.
private func addEcho(_ router: Router) {
    let echo: (Request) async throws -> Response = { request in
        var json = JSONWriter()
        json.beginObject()
        json.key("key")
        json.base64(try request.segment(1))
        json.member("target", String(decoding: request.target, as: UTF8.self))
        json.member("q", try request.query("q") ?? "-")
        json.member("match", request.header("if-match") ?? "-")
        json.member("body", request.body.count)
        json.endObject()
        return .json(json)
    }
    router.add(.get, "/echo/{key}", operation: "echo", parameters: ["q", "r"], respond: echo)
    router.add(.post, "/echo/{key}", operation: "echo", maxBodyBytes: 1_000, respond: echo)
    router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
    router.add(.get, "/negotiated", operation: "negotiated") { _ in
        var response = Response.text("hello")
        response.isNegotiated = true
        return response
    }
}

@Suite(.timeLimit(.minutes(20))) struct ServerTests {
    @Test func aConnectionServesManyRequests() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        for _ in 0..<100 {
            let answer = try client.request("GET", "/hello")
            #expect(answer.status == 200)
            #expect(answer.text == "hello")
            #expect(answer["Content-Type"] == "text/plain; charset=utf-8")
            #expect(answer["Date"] != nil)
        }
        #expect(server.withServer { $0.requestsInFlight } == 0)
    }

    @Test func anAnswerThatDependsOnAcceptHasVary() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        #expect(try client.request("GET", "/negotiated")["Vary"] == "Accept")
        #expect(try client.request("GET", "/hello")["Vary"] == nil)
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        let requests = (0..<50).map { TestClient.text("GET", "/echo/\($0)") }
        client.send(requests.joined())
        for index in 0..<50 {
            #expect(try client.readAnswer().text.contains("\"target\":\"/echo/\(index)\""))
        }
    }

    @Test func theTargetIsKeptAsSentAndDecodedPerSegment() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        let slash = try client.request("GET", "/echo/a%2Fb%00c?q=x%20y+z%26&r=1")
        #expect(slash.status == 200)
        #expect(slash.text.contains("\"key\":\"YS9iAGM=\""))
        #expect(slash.text.contains("\"target\":\"/echo/a%2Fb%00c?q=x%20y+z%26&r=1\""))
        #expect(slash.text.contains("\"q\":\"x y z&\""))
        let empty = try client.request("GET", "/echo/")
        #expect(empty.text.contains("\"key\":\"\""))
        for bad in ["%", "%2", "%zz", "a%2"] {
            let answer = try client.request("GET", "/echo/\(bad)")
            #expect(answer.status == 400)
            #expect(answer["Content-Type"] == "application/problem+json")
            #expect(answer.text.contains("\"code\":\"bad_encoding\""))
        }
        #expect(try client.request("GET", "/echo/k?q=%f").text.contains("bad_encoding"))
    }

    @Test func headerFieldsOfOneNameAreJoined() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        let answer = try client.request(
            "GET", "/echo/k", headers: ["If-Match: \"1\"", "X-Other: 5", "IF-MATCH: \"2\""])
        #expect(answer.text.contains(#""match":"\"1\", \"2\"""#))
        #expect(try client.request("GET", "/echo/k").text.contains(#""match":"-""#))
    }

    @Test func headReturnsTheHeaderOfGetWithoutABody() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        let head = try client.request("HEAD", "/hello")
        #expect(head.status == 200)
        #expect(head["Content-Length"] == "5")
        #expect(head["Content-Type"] == "text/plain; charset=utf-8")
        // The answer to `HEAD` has no body, which would come before the next answer.
        #expect(try client.request("GET", "/hello").text == "hello")
        let missing = try client.request("HEAD", "/missing")
        #expect(missing.status == 404)
        #expect(try client.request("GET", "/hello").text == "hello")
    }

    @Test func a304HasTheLengthOfThe200AndNoBody() throws {
        let server = try TestServer { router in
            router.add(.get, "/same", operation: "same") { _ in .text("same", status: 304) }
        }
        defer { server.stop() }
        let client = try server.connect()
        for _ in 0..<2 {
            let answer = try client.request("GET", "/same")
            #expect(answer.status == 304)
            #expect(answer["Content-Length"] == "4")
        }
    }

    @Test func optionsAnd405NameTheMethods() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        let options = try client.request("OPTIONS", "/echo/k")
        #expect(options.status == 204)
        #expect(options["Allow"] == "GET, HEAD, OPTIONS, POST")
        #expect(try client.request("OPTIONS", "*")["Allow"] == "GET, HEAD, OPTIONS, POST")
        for method in ["POST", "DELETE", "PATCH", "get", "BREW"] {
            let refused = try client.request(method, "/hello")
            #expect(refused.status == 405)
            #expect(refused["Allow"] == "GET, HEAD, OPTIONS")
            #expect(refused.text.contains("\"code\":\"method_not_allowed\""))
        }
    }

    @Test func responsesForbidCaching() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        for target in ["/hello", "/echo/k", "/nothing"] {
            #expect(try client.request("GET", target)["Cache-Control"] == "no-store")
            #expect(try client.request("HEAD", target)["Cache-Control"] == "no-store")
        }
        #expect(try client.request("POST", "/echo/k", body: "b")["Cache-Control"] == nil)
    }

    @Test func unknownPathsGet404WithoutAListOfPaths() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        for target in ["/", "/nothing", "/hello/", "/echo", "/echo/a/b", "//hello", "/hello%2F"] {
            let answer = try client.request("GET", target)
            #expect(answer.status == 404, "\(target)")
            #expect(answer.text.contains("\"code\":\"not_found\""))
            #expect(!answer.text.contains("echo"))
        }
        #expect(try client.request("POST", "/nothing", body: "some body").status == 404)
        #expect(try client.request("OPTIONS", "/nothing").status == 404)
    }

    /// libmicrohttpd 0.9.75 drops the bytes after a request that expects 100 Continue but has no body.
    @Test func anExpectationWithoutABodyLosesNoRequest() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        let second = "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n"
        client.send(Array(("GET /hello HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n" + second).utf8))
        #expect(try client.readAnswer().status == 200)
        #expect(try client.readAnswer().status == 404)
    }

    @Test func absoluteFormHTTP10AndConnectionCloseWork() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        #expect(try client.request("GET", "http://somewhere:5001/hello").text == "hello")
        #expect(try client.request("GET", "http://somewhere").status == 404)
        let last = try client.request("GET", "/hello", headers: ["Connection: close"])
        #expect(last.text == "hello")
        #expect(client.isClosedByServer())

        let old = try server.connect()
        old.send("GET /hello HTTP/1.0\r\n\r\n")
        #expect(try old.readAnswer().text == "hello")
        #expect(old.isClosedByServer())
    }

    @Test func aHalfClosedClientIsAnswered() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let client = try server.connect()
        client.send(TestClient.text("GET", "/hello"))
        client.finishSending()
        #expect(try client.readAnswer().text == "hello")
    }

    @Test func anErrorOfARouteBecomesAProblem() throws {
        struct Surprise: Error {}
        let server = try TestServer { router in
            router.add(.get, "/refuse", operation: "refuse") { _ in
                throw Problem.unavailable("no_quorum", "1 of 3 replicas answered").with(
                    "outcome", .string("not_applied"))
            }
            router.add(.get, "/surprise", operation: "surprise") { _ in throw Surprise() }
        }
        defer { server.stop() }
        let client = try server.connect()
        let refused = try client.request("GET", "/refuse")
        #expect(refused.status == 503)
        #expect(refused["Retry-After"] == "1")
        #expect(refused.text.contains(#""code":"no_quorum","outcome":"not_applied""#))
        let surprise = try client.request("GET", "/surprise")
        #expect(surprise.status == 500)
        #expect(surprise.text.contains("internal_error"))
        #expect(!surprise.text.contains("Surprise"))
    }

    @Test func twoThousandRequestsOverFiftyConnectionsAreAllAnswered() throws {
        let server = try TestServer(routes: addEcho)
        defer { server.stop() }
        let clients = try (0..<50).map { _ in try server.connect() }
        var answered = 0
        for round in 0..<40 {
            for (index, client) in clients.enumerated() {
                client.send(TestClient.text("GET", "/echo/\(round)-\(index)"))
            }
            for (index, client) in clients.enumerated() {
                let answer = try client.readAnswer()
                #expect(answer.text.contains("\"target\":\"/echo/\(round)-\(index)\""))
                answered += 1
            }
        }
        #expect(answered == 2_000)
    }
}
