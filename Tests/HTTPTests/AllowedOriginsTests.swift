import Testing

@testable import HTTP

@Suite struct AllowedOriginsTests {
    private func request(_ method: Method, _ headers: [String: String]) -> Request {
        let headers = ["Host": "127.0.0.1:5001"].merging(headers) { $1 }
        return Request(method: method, target: "/write/k", headers: headers.map { Header($0.key, $0.value) })
    }

    @Test(arguments: [
        "null", "http://evil.example", "http://127.0.0.1:5000", "http://127.0.0.1", "http://localhost:5001", "",
    ])
    func aForeignPageChangesNothing(origin: String) {
        for method in [Method.post, .delete, .put] {
            #expect(!AllowedOrigins([]).allows(request(method, ["Origin": origin])))
        }
        #expect(AllowedOrigins([]).allows(request(.get, ["Origin": origin])), "it cannot see the answer")
    }

    @Test func aForeignPageWithoutAnOriginChangesNothing() {
        #expect(!AllowedOrigins([]).allows(request(.post, ["Sec-Fetch-Site": "cross-site"])))
        #expect(AllowedOrigins([]).allows(request(.post, ["Sec-Fetch-Site": "same-origin"])))
    }

    @Test func clientsThatAreNoBrowserSendNeither() { #expect(AllowedOrigins([]).allows(request(.post, [:]))) }

    @Test func aPageOfTheServiceItselfMayChange() {
        for origin in ["http://127.0.0.1:5001", "https://127.0.0.1:5001"] {
            #expect(AllowedOrigins([]).allows(request(.post, ["Origin": origin])))
        }
    }

    @Test func theAbsoluteFormNamesTheHost() {
        let request = Request(
            method: .post, target: "http://other.example/write/k",
            headers: [Header("Host", "127.0.0.1:5001"), Header("Origin", "http://127.0.0.1:5001")])
        #expect(request.authority == "other.example")
        #expect(!AllowedOrigins([]).allows(request))
    }

    @Test func allowedOriginsSeeTheAnswer() {
        let origins = AllowedOrigins(["https://App.example"])
        let allowed = request(.post, ["Origin": "https://app.example"])
        #expect(origins.allows(allowed))
        let headers = origins.headers(for: allowed, Response())
        #expect(headers.contains(Header("Access-Control-Allow-Origin", "https://app.example")))
        #expect(headers.contains(Header("Vary", "Origin")))
        let exposed = headers.first { $0.name == "Access-Control-Expose-Headers" }?.value
        #expect(exposed?.hasSuffix("traceparent, tracestate") == true)
        let other = request(.get, ["Origin": "https://other.example"])
        #expect(origins.headers(for: other, Response()) == [Header("Vary", "Origin")])
        #expect(AllowedOrigins([]).headers(for: allowed, Response()) == [])
    }

    @Test func aPreflightRequestIsAnswered() throws {
        let origins = AllowedOrigins(["https://app.example"])
        let preflight = request(.options, ["Origin": "https://app.example", "Access-Control-Request-Method": "POST"])
        let headers = origins.headers(
            for: preflight, Response(status: 204, headers: [Header("Allow", "OPTIONS, POST")]))
        #expect(headers.contains(Header("Access-Control-Allow-Methods", "OPTIONS, POST")))
        #expect(headers.contains { $0.name == "Access-Control-Allow-Headers" && $0.value.contains("Authorization") })
        #expect(headers.contains { $0.value.hasSuffix("traceparent, tracestate") })
    }

    @Test func originsAreWrittenAsBrowsersSendThem() {
        for text in ["http://a", "https://a.example:8443"] { #expect(AllowedOrigins.isOrigin(text)) }
        for text in ["a", "*", "null", "https://", "https://a/", "https://a/b", "ftp://a", "https://u@a"] {
            #expect(!AllowedOrigins.isOrigin(text), "\(text)")
        }
    }
}
