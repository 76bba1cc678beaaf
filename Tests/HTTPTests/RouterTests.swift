import Testing

@testable import HTTP

private func answer(_ text: String) -> (Request) async throws -> Response {
    { _ in .text(text) }
}

private func makeRouter() -> Router {
    let router = Router()
    router.add(.get, "/health", operation: "health", respond: answer("health"))
    router.add(.get, "/health/live", operation: "live", respond: answer("live"))
    router.add(.get, "/health/{check}", operation: "check", respond: answer("check"))
    router.add(.post, "/write/{key}", operation: "write", maxBodyBytes: 10, respond: answer("write"))
    router.add(.post, "/write/{key}/{value}", operation: "write_path", respond: answer("write_path"))
    router.add(.get, "/a/b/c", operation: "abc", respond: answer("abc"))
    router.add(.get, "/a/{x}/d", operation: "axd", respond: answer("axd"))
    router.add(.get, "/", operation: "root", respond: answer("root"))
    return router
}

private func operation(_ method: Method, _ target: String) -> String {
    switch makeRouter().match(Request(method: method, target: target)) {
    case .route(let route): route.operation
    case .methodNotAllowed(let allow): "405 \(allow)"
    case .options(let allow): "options \(allow)"
    case .notFound: "404"
    }
}

@Suite(.timeLimit(.minutes(20))) struct RouterTests {
    @Test(arguments: [
        ("/health", "health"), ("/health/live", "live"), ("/health/x", "check"), ("/health/", "check"),
        ("/health/live/", "404"), ("/health?live", "health"), ("/a/b/c", "abc"), ("/a/b/d", "axd"), ("/a/b", "404"),
        ("/", "root"),
        ("http://host", "root"), ("http://host?q", "root"), ("http://host/health", "health"), ("host:443", "404"),
        ("", "root"),
        ("*", "404"), ("/write/k", "405 OPTIONS, POST"), ("/HEALTH", "404"), ("//", "404"),
    ])
    func getFindsItsRoute(target: String, expected: String) {
        #expect(operation(.get, target) == expected)
        #expect(operation(.head, target) == expected)
    }

    @Test(arguments: [
        ("/write/k", "write"), ("/write/", "write"), ("/write", "404"), ("/write/k/v", "write_path"),
        ("/write//", "write_path"),
        ("/write/k/v/", "404"), ("/write/a%2Fb/v", "write_path"), ("/health", "405 GET, HEAD, OPTIONS"),
    ])
    func postFindsItsRoute(target: String, expected: String) {
        #expect(operation(.post, target) == expected)
    }

    @Test func optionsListsTheMethodsOfAPath() {
        #expect(operation(.options, "/write/k") == "options OPTIONS, POST")
        #expect(operation(.options, "*") == "options GET, HEAD, OPTIONS, POST")
        #expect(operation(.options, "/nothing") == "404")
    }

    @Test func theLookUpOfALongPathStopsAtTheDepthOfTheTree() {
        #expect(operation(.get, String(repeating: "/a", count: 100_000)) == "404")
    }

    @Test func segmentsAreDecodedSeparately() throws {
        let request = Request(method: .get, target: "/write/%41%2f%00/?x=1")
        #expect(try request.segment(0) == Array("write".utf8))
        #expect(try request.segment(1) == [0x41, 0x2F, 0])
        #expect(try request.segment(2) == [])
        #expect(request.path == "/write/%41%2f%00/")
        #expect(throws: Problem.self) { try Request(method: .get, target: "/%4").segment(0) }
        // Unencoded bytes are accepted too.
        #expect(try Request(method: .get, target: "/é").segment(0) == Array("é".utf8))
    }

    @Test func queryItemsAreDecoded() throws {
        let request = Request(method: .get, target: "/k?ttl_ms=100&empty=&flag&a=1&a=2&%6Eame=v%3D1+2&=x")
        #expect(try request.query("ttl_ms") == "100")
        #expect(try request.query("empty") == "")
        #expect(try request.query("flag") == "")
        #expect(try request.query("a") == "1")
        #expect(try request.query("name") == "v=1 2")
        #expect(try request.query("none") == nil)
        #expect(try Request(method: .get, target: "/k?").query("a") == nil)
        #expect(try Request(method: .get, target: "/k").query("a") == nil)
        #expect(throws: Problem.self) { try Request(method: .get, target: "/k?a=%").query("a") }
    }

    @Test(arguments: [
        ("/k", nil), ("/k?", nil), ("/k?&&", nil), ("/k?a=1&b", nil), ("/k?%61=1", nil), ("/k?A=1", "A"),
        ("/k?a&c=1&d", "c"),
        ("/k?=1", ""), ("/k?a%20=1", "a "), ("/k?a?=1", "a?"),
    ])
    func anUnknownQueryItemIsFound(target: String, unknown: String?) throws {
        #expect(try Request(method: .get, target: target).queryName(notIn: ["a", "b"]) == unknown)
    }

    @Test func anUnknownParameterIsRejectedUnlessTheRouteAcceptsAny() async {
        let router = Router()
        router.add(.post, "/some", operation: "some", parameters: ["a", "b"], respond: answer("some"))
        router.add(.get, "/none", operation: "none", respond: answer("none"))
        router.add(.get, "/any", operation: "any", parameters: nil, respond: answer("any"))
        func ask(_ method: Method, _ target: String) async -> Response {
            await router.respond(to: Request(method: method, target: target))
        }
        #expect(await ask(.post, "/some?a=1&b=2").status == 200)
        #expect(await ask(.get, "/any?x=%").status == 200)
        let some = await ask(.post, "/some?a=1&c=\"2\"")
        #expect(some.status == 400)
        let text = String(decoding: some.body, as: UTF8.self)
        #expect(text.contains("there is no parameter 'c' here; this path takes a, b"))
        #expect(text.contains(#""code":"unknown_parameter","outcome":"not_applied""#))
        let none = String(decoding: await ask(.get, "/none?c").body, as: UTF8.self)
        #expect(none.contains("there is no parameter 'c' here; this path takes no parameters"))
        #expect(!none.contains("outcome"))
        let long = await ask(.get, "/none?" + String(repeating: "c", count: 5_000))
        #expect(long.body.count < 500)
        #expect(String(decoding: await ask(.post, "/some?%").body, as: UTF8.self).contains("bad_encoding"))
    }

    @Test func headerFieldsAreCaseInsensitive() {
        let request = Request(method: .get, target: "/", headers: [Header("ETag", "1"), Header("etag", "2")])
        #expect(request.header("ETAG") == "1, 2")
        #expect(request.header("E") == nil)
    }
}
