import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(20))) struct RedisEndpointTests {
    @Test func hostPortAndCredentialsAreParsed() throws {
        #expect(try RedisEndpoint(url: "redis://h:7000") == RedisEndpoint(host: "h", port: 7000))
        #expect(try RedisEndpoint(url: "redis://h") == RedisEndpoint(host: "h", port: 6379))
        #expect(
            try RedisEndpoint(url: "redis://u:p%40x@[::1]:1")
                == RedisEndpoint(host: "::1", port: 1, username: "u", password: "p@x"))
    }

    @Test(arguments: [
        "", "h:1", "rediss:/h", "rediss://", "redis://", "redis://h:0", "redis://h:99999", "redis://h/3",
        "redis://[::1",
        "redis://u:%4@h", "redis://u:%ff@h",
    ])
    func anInvalidURLIsRejected(url: String) {
        #expect(throws: RedisEndpointError.self) { try RedisEndpoint(url: url) }
    }

    @Test(.enabled(if: RedisEndpoint.supportsTLS, "needs hiredis 1.0 or later with its TLS library"))
    func aURLMayAskForTLS() throws {
        let endpoint = try RedisEndpoint(url: "rediss://u:p@h")
        #expect(endpoint.isTLS)
        #expect(endpoint.host == "h")
        #expect(endpoint.port == 6379)
        #expect(endpoint.password == "p")
        #expect(try !RedisEndpoint(url: "redis://h").isTLS)
    }

    @Test(.disabled(if: RedisEndpoint.supportsTLS, "this build has TLS to Redis"))
    func withoutTheTLSLibraryTheErrorNamesAProxy() {
        let error = #expect(throws: RedisEndpointError.self) { try RedisEndpoint(url: "rediss://h") }
        #expect(error?.description.contains("stunnel") == true)
    }
}
