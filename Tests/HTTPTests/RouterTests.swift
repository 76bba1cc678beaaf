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

@Test func optionsNamesWhatAPathTakes() {
    #expect(operation(.options, "/write/k") == "options OPTIONS, POST")
    #expect(operation(.options, "*") == "options GET, HEAD, OPTIONS, POST")
    #expect(operation(.options, "/nothing") == "404")
}

@Test func aPathOfManySegmentsIsNotFollowedToItsEnd() {
    #expect(operation(.get, String(repeating: "/a", count: 100_000)) == "404")
}

@Test func segmentsAreCountedAndDecodedOneByOne() throws {
    let request = Request(method: .get, target: "/write/%41%2f%00/?x=1")
    #expect(request.segmentCount == 3)
    #expect(try request.segment(0) == Array("write".utf8))
    #expect(try request.segment(1) == [0x41, 0x2F, 0])
    #expect(try request.segment(2) == [])
    #expect(request.path == "/write/%41%2f%00/")
    #expect(Request(method: .get, target: "/").segmentCount == 1)
    #expect(throws: Problem.self) { try Request(method: .get, target: "/%4").segment(0) }
    // Any byte is fine raw too.
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

@Test func headerFieldsAreFoundWhateverTheirCase() {
    let request = Request(method: .get, target: "/", headers: [Header("ETag", "1"), Header("etag", "2")])
    #expect(request.header("ETAG") == "1, 2")
    #expect(request.header("E") == nil)
}
