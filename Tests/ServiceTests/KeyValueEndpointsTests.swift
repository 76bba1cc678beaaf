import Consistent
import EventLoop
import HTTP
import Replication
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct WriteEndpointTests {
    @Test func theValueCanBeInThePath() async throws {
        let endpoints = try CPEndpoints()
        let response = await endpoints.ask(.post, "/write/a%2Fb%00/%FFx")
        #expect(response.status == 200)
        #expect(response.header("ETag") == "\"8\"")
        let change = try #require(endpoints.store.changes.first)
        #expect(change.key == Bytes("a/b\0".utf8))
        #expect(change.kind == .write([0xFF, UInt8(ascii: "x")]))
        #expect(change.ttlMs == nil)
        #expect(change.precondition == nil)
        #expect(change.deadlineNs == 6_900_000_000, "NETWORK_TIMEOUT_SEC after the request was there")
    }

    @Test func theValueCanBeInTheBody() async throws {
        let endpoints = try CPEndpoints()
        #expect(await endpoints.ask(.post, "/write/k", body: [0, 1, 2]).status == 200)
        #expect(endpoints.store.changes.map(\.kind) == [.write([0, 1, 2])])
    }

    @Test func theLogLineOfAChangeNamesItsTrace() async throws {
        let endpoints = try CPEndpoints()
        let trace = TraceContext(traceID: TraceID(high: 1, low: 2), spanID: 3, flags: [])
        _ = await endpoints.ask(.post, "/write/k/v", trace: trace)
        _ = await endpoints.ask(.post, "/write/k/v")
        #expect(
            endpoints.notes.map { $0["trace_id"] } == [.string("0000000000000001" + "0000000000000002"), nil])
        #expect(endpoints.notes.map { $0["span_id"] } == [.string("0000000000000003"), nil])
    }

    @Test func anEmptyValueIsAccepted() async throws {
        let endpoints = try CPEndpoints()
        #expect(await endpoints.ask(.post, "/write/k").status == 200)
        #expect(endpoints.store.changes.map(\.kind) == [.write([])])
    }

    @Test(arguments: [[], [1]] as [Bytes])
    func aPathThatEndsInASlashIsRejected(_ body: Bytes) async throws {
        let endpoints = try CPEndpoints()
        try expect(await endpoints.ask(.post, "/write/k/", body: body), 400, "ambiguous_value")
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test(arguments: ["/write/k", "/write/k/v"])
    func anEncodedOrPartialValueIsRejected(_ target: String) async throws {
        let endpoints = try CPEndpoints()
        let gzip = await endpoints.ask(.post, target, headers: ["Content-Encoding": "gzip"])
        try expect(gzip, 415, "unsupported_encoding")
        #expect(gzip.header("Accept-Encoding") == "identity")
        #expect(try text(gzip.members["outcome"]) == "not_applied")
        let part = await endpoints.ask(.post, target, headers: ["Content-Range": "bytes 0-0/2"])
        try expect(part, 400, "not_supported")
        #expect(endpoints.store.changes.isEmpty)
        #expect(await endpoints.ask(.post, target, headers: ["Content-Encoding": "Identity"]).status == 200)
    }

    @Test func aValueInPathAndBodyIsRejected() async throws {
        let endpoints = try CPEndpoints()
        try expect(await endpoints.ask(.post, "/write/k/v", body: [1]), 400, "ambiguous_value")
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test func aTooLongValueIsRejected() async throws {
        let endpoints = try CPEndpoints()
        let max = maxValueBytes
        #expect(await endpoints.ask(.post, "/write/k", body: Bytes(repeating: 1, count: max)).status == 200)
        try expect(
            await endpoints.ask(.post, "/write/k", body: Bytes(repeating: 1, count: max + 1)), 413, "value_too_large")
        try expect(
            await endpoints.ask(.post, "/write/k/" + String(repeating: "v", count: max + 1)), 413, "value_too_large")
        #expect(endpoints.maxBodyBytes(.post, "/write/k") == max, "the server stops reading there")
        #expect(endpoints.store.changes.count == 1)
    }

    @Test(arguments: ["1", "60000", "315360000000"])
    func aTimeToLiveIsAccepted(_ ttl: String) async throws {
        let endpoints = try CPEndpoints()
        #expect(await endpoints.ask(.post, "/write/k/v?ttl_ms=\(ttl)").status == 200)
        #expect(endpoints.store.changes.first?.ttlMs == Int64(ttl))
    }

    @Test(arguments: [
        "", "0", "-1", "1.5", "1e3", "abc", "315360000001", "99999999999999999999", "%2B1", "+1", "1%200",
    ])
    func anInvalidTimeToLiveIsRejected(_ ttl: String) async throws {
        let endpoints = try CPEndpoints()
        try expect(await endpoints.ask(.post, "/write/k/v?ttl_ms=\(ttl)"), 400, "bad_ttl_ms")
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test func anInvalidlyEncodedQueryIsRejected() async throws {
        try expect(await CPEndpoints().ask(.post, "/write/k/v?ttl_ms=%g"), 400, "bad_encoding")
    }

    @Test(arguments: ["ttl=5", "ttl_ms=5&x", "TTL_MS=5", "ttl_ms%00=5", "=5", "max_staleness_ms=5", "ttl_ms=5&ttl=5"])
    func anUnknownParameterIsRejectedWithAListOfKnownOnes(_ query: String) async throws {
        let endpoints = try CPEndpoints()
        for target in ["/write/k/v", "/write/k"] {
            let response = await endpoints.ask(.post, "\(target)?\(query)")
            try expect(response, 400, "unknown_parameter")
            #expect(try text(response.members["detail"])?.hasSuffix("this path takes ttl_ms") == true)
            #expect(try text(response.members["outcome"]) == "not_applied")
        }
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test func aFailedWriteHasItsOutcomeAndIsLogged() async throws {
        let endpoints = try CPEndpoints()
        endpoints.store.onChange = { _ throws(StoreFailure) in throw StoreFailure(.noQuorum, "why", outcome: .unknown) }
        let response = await endpoints.ask(.post, "/write/k/v")
        try expect(response, 503, "no_quorum")
        #expect(try text(response.members["outcome"]) == "unknown")
        #expect(endpoints.notes.map { $0["code"] } == ["no_quorum"])
        #expect(endpoints.refusals(.noQuorum) == 1)
    }

    @Test func anAppliedWriteIsLogged() async throws {
        let endpoints = try CPEndpoints()
        _ = await endpoints.ask(.post, "/write/k/v")
        #expect(endpoints.notes == [["event": "WRITE", "key": "k", "kind": "write", "outcome": "applied"]])
    }
}

@Suite(.timeLimit(.minutes(20))) struct DeleteEndpointTests {
    @Test func aDeleteReachesTheEngine() async throws {
        let endpoints = try CPEndpoints()
        let response = await endpoints.ask(.delete, "/delete/k")
        #expect(response.status == 200)
        #expect(try text(response.members["outcome"]) == "applied")
        #expect(endpoints.store.changes.map(\.kind) == [.delete])
    }

    @Test func aDeleteOfAMissingKeyIs404() async throws {
        let endpoints = try CPEndpoints()
        endpoints.store.onChange = { _ in .absent(version: 4) }
        let response = await endpoints.ask(.delete, "/delete/k")
        try expect(response, 404, "key_not_found")
        #expect(try text(response.members["outcome"]) == "not_applied")
        #expect(try text(response.members["version"]) == "4")
    }
}

@Suite(.timeLimit(.minutes(20))) struct ReadEndpointTests {
    @Test func theResponseIsJSONUnlessTheClientNamesBytes() async throws {
        let endpoints = try CPEndpoints()
        for accept in ["*/*", "application/json", "text/html,*/*;q=0.8"] {
            let response = await endpoints.ask(.get, "/read/k", headers: ["Accept": accept])
            #expect(response.contentType == "application/json")
            #expect(response.header("ETag") == "\"7\"")
        }
        let response = await endpoints.ask(.get, "/read/k", headers: ["Accept": "application/octet-stream"])
        #expect(response.contentType == "application/octet-stream")
        #expect(response.body == Bytes("v".utf8))
        #expect(response.header("ETag") == "\"7-bytes\"")
    }

    @Test(arguments: [
        ("/write/k/v?ttl_ms=x", [:]), ("/write/%zz/v", [:]), ("/write/k/v", ["If-Match": "x"]),
        ("/write/k/v", ["X-Context": "c"]),
    ])
    func anInvalidChangeWasNotApplied(target: String, headers: [String: String]) async throws {
        let endpoints = try CPEndpoints()
        let answer = await endpoints.ask(.post, target, headers: headers)
        #expect(answer.status == 400)
        #expect(try answer.members["outcome"] as? String == "not_applied")
        #expect(try await endpoints.ask(.get, "/read/%zz").members["outcome"] == nil)
    }

    @Test(arguments: [
        ("application/octet-stream", true), ("text/html, Application/Octet-Stream ; q=0.5", true), ("*/*", false),
        ("application/octet-stream;q=0", false), ("application/octet-stream; q=0.000, application/json", false),
        ("x-application/octet-stream", false), ("", false), ("application/json, application/octet-stream;q=0.9", false),
        ("application/json;q=0.5, application/octet-stream;q=0.9", true),
        ("application/json, application/octet-stream", true),
        ("*/*, application/octet-stream;q=0.1", true), (",;,application/octet-stream", true),
    ])
    func theAcceptFieldSelectsBytes(accept: String, isBytes: Bool) async throws {
        let answer = await (try CPEndpoints()).ask(.get, "/read/k", headers: ["Accept": accept])
        #expect((answer.body == Array("v".utf8)) == isBytes)
    }

    @Test func requestsAboveTheRateGet429() async throws {
        let endpoints = try CPEndpoints(["MAX_REQUESTS_PER_SEC": "2"])
        #expect(await endpoints.ask(.get, "/read/k").status == 200)
        #expect(await endpoints.ask(.post, "/write/k/v").status == 200)
        let read = await endpoints.ask(.get, "/read/k")
        try expect(read, 429, "rate_limited")
        #expect(read.header("Retry-After") == "1")
        let change = await endpoints.ask(.delete, "/delete/k")
        try expect(change, 429, "rate_limited")
        #expect(try change.members["outcome"] as? String == "not_applied")
        #expect(endpoints.store.changes.count == 1)
    }

    @Test func aFailedReadHasNoOutcome() async throws {
        let endpoints = try CPEndpoints()
        endpoints.store.onRead = { _ throws(StoreFailure) in throw StoreFailure(.timeout, "why") }
        let response = await endpoints.ask(.get, "/read/k")
        try expect(response, 504, "timeout")
        #expect(try response.members["outcome"] == nil)
        #expect(endpoints.notes.isEmpty)
        #expect(endpoints.refusals(.timeout) == 1)
    }
}

@Suite(.timeLimit(.minutes(20))) struct BadInputTests {
    @Test func aParameterOfAnotherEndpointIsUnknown() async throws {
        try await expectParametersOfEachEndpoint(CPEndpoints())
        let endpoints = try APEndpoints()
        try await expectParametersOfEachEndpoint(endpoints)
        #expect(await endpoints.ask(.get, "/read/k?max_staleness_ms=5&require_session=false").status == 200)
        #expect(await endpoints.ask(.delete, "/delete/k?require_session=true").status == 200)
        #expect(endpoints.store.readCount == 1 && endpoints.store.changeCount == 1)
    }

    @Test func appCPHasNoParametersForStalenessAndSessions() async throws {
        let endpoints = try CPEndpoints()
        try expect(await endpoints.ask(.get, "/read/k?max_staleness_ms=5"), 400, "unknown_parameter")
        for (method, path) in [(HTTP.Method.get, "read"), (.post, "write"), (.delete, "delete")] {
            try expect(await endpoints.ask(method, "/\(path)/k?require_session=true"), 400, "unknown_parameter")
        }
        #expect(endpoints.store.readCount == 0 && endpoints.store.changeCount == 0)
    }

    private func expectParametersOfEachEndpoint(_ endpoints: Endpoints<some FakeStore>) async throws {
        try expect(await endpoints.ask(.get, "/read/k?ttl_ms=5"), 400, "unknown_parameter")
        try expect(await endpoints.ask(.head, "/read/k?ttl_ms=5"), 400, "unknown_parameter")
        try expect(await endpoints.ask(.delete, "/delete/k?ttl_ms=5"), 400, "unknown_parameter")
    }

    private static let requests: [(HTTP.Method, String, String)] = [
        (.get, "/read/", ""), (.delete, "/delete/", ""), (.post, "/write/", ""), (.post, "/write/", "/v"),
    ]

    @Test(arguments: [0, 1, 2, 3])
    func anEmptyKeyIsRejected(_ index: Int) async throws {
        let (method, before, after) = Self.requests[index]
        try expect(await CPEndpoints().ask(method, before + after), 400, "bad_key")
    }

    @Test(arguments: [0, 1, 2, 3])
    func aDecodedKeyHasAtMost512Bytes(_ index: Int) async throws {
        let (method, before, after) = Self.requests[index]
        let longest = String(repeating: "%41", count: 512)
        #expect(try await CPEndpoints().ask(method, before + longest + after).status == 200)
        try expect(await CPEndpoints().ask(method, before + longest + "A" + after), 400, "bad_key")
    }

    @Test(arguments: [0, 1, 2, 3], ["%", "a%2", "%zz", "%4", "a%%41"])
    func anInvalidlyEncodedKeyIsRejected(_ index: Int, _ key: String) async throws {
        let (method, before, after) = Self.requests[index]
        try expect(await CPEndpoints().ask(method, before + key + after), 400, "bad_key")
    }

    @Test func anInvalidlyEncodedValueIsRejected() async throws {
        try expect(await CPEndpoints().ask(.post, "/write/k/%zz"), 400, "bad_encoding")
    }

    @Test(arguments: [
        (HTTP.Method.get, "/write/k/v"), (.post, "/read/k"), (.get, "/delete/k"), (.put, "/write/k"),
        (HTTP.Method("BREW"), "/read/k"),
    ])
    func anUnsupportedMethodIs405WithAllow(_ method: HTTP.Method, _ target: String) async throws {
        let endpoints = try CPEndpoints()
        let response = await endpoints.ask(method, target)
        try expect(response, 405, "method_not_allowed")
        #expect(response.header("Allow") != nil)
        #expect(try text(response.members["outcome"]) == (method == .get ? nil : "not_applied"))
        #expect(endpoints.store.reads.isEmpty && endpoints.store.changes.isEmpty)
    }

    @Test(arguments: ["/", "/read", "/read/a/b", "/write/a/b/c", "/READ/k", "/read/k/"])
    func anUnknownPathIs404(_ target: String) async throws {
        try expect(await CPEndpoints().ask(.get, target), 404, "not_found")
    }

    @Test(arguments: [
        (HTTP.Method.get, "/read/a/b"), (.post, "/write/a/b/c"), (.delete, "/delete/a/"), (.get, "/read/a/b/c/d?x=1"),
    ])
    func aSlashInAKeyIsExplained(_ method: HTTP.Method, _ target: String) async throws {
        let response = await (try CPEndpoints()).ask(method, target)
        try expect(response, 404, "not_found")
        let detail = try text(response.members["detail"])
        #expect(detail == "there is nothing at this path; a / in a key or value is sent as %2F")
        #expect(try text(response.members["outcome"]) == (method == .get ? nil : "not_applied"))
    }

    @Test(arguments: ["/", "/read", "/write", "/no/such/path"])
    func anUnknownPathIsNotExplained(_ target: String) async throws {
        let response = await (try CPEndpoints()).ask(.get, target)
        #expect(try text(response.members["detail"]) == "there is nothing at this path")
    }
}
