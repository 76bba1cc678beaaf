import EventLoop
import TLS
import TestSupport
import Testing

@testable import HTTP

private func addRoutes(_ router: Router) {
    router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
    router.add(.post, "/store", operation: "store", maxBodyBytes: 100) { .text("\($0.body.count)") }
    router.add(.get, "/refuse", operation: "refuse") { _ in throw Problem.unavailable("no_quorum", "none") }
}

private let caller = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
private let callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

extension TestServer {
    /// - Parameter seed: the same seed gives the same IDs.
    fileprivate func trace(seed: UInt64 = 1, spans: (any RequestSpans & Sendable)? = nil) {
        withServer { server in
            var random = SplitMix64(seed: seed)
            server.traces = RequestTraces(random: &random, spans: spans)
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct TraceTests {
    private static func makeServer() throws -> TestServer {
        let server = try TestServer({ $0.buffers.maxDiscardedBytes = 1_000 }, routes: addRoutes)
        server.trace()
        return server
    }

    private static func parent(_ answer: TestClient.Answer) throws -> TraceParent {
        #expect(answer.headers.count { $0.name == "traceparent" } == 1)
        return try #require(answer["traceparent"].flatMap(TraceParent.init))
    }

    @Test func aRequestWithoutATraceBeginsOne() throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let client = try server.connect()
        var traces: Set<TraceID> = []
        var spans: Set<UInt64> = []
        for _ in 0..<100 {
            let parent = try Self.parent(try client.request("GET", "/hello"))
            traces.insert(parent.traceID)
            spans.insert(parent.parentID)
            #expect(parent.flags == [], "nothing records it")
        }
        #expect(traces.count == 100 && spans.count == 100)
    }

    @Test func theIDsComeFromTheGivenGenerator() throws {
        func first(seed: UInt64) throws -> TraceParent {
            let server = try TestServer(routes: addRoutes)
            defer { server.stop() }
            server.trace(seed: seed)
            return try Self.parent(try server.connect().request("GET", "/hello"))
        }
        #expect(try first(seed: 7) == first(seed: 7))
        #expect(try first(seed: 7) != first(seed: 8))
    }

    @Test func aRequestWithATraceBecomesASpanOfIt() throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let client = try server.connect()
        for flags in ["00", "01", "02", "03"] {
            let header = String(caller.dropLast(2)) + flags
            let answer = try client.request("GET", "/hello", headers: [header])
            let parent = try Self.parent(answer)
            #expect(parent.traceID.description == callersTrace)
            #expect(parent.parentID != 0x00f0_67aa_0ba9_02b7, "a span of its own")
            #expect(answer["traceparent"]?.hasSuffix("-\(flags)") == true, "the decision of the caller is passed on")
            #expect(answer["tracestate"] == nil)
        }
        let other = try client.request("GET", "/hello", headers: ["TraceParent: " + caller.dropFirst(13)])
        #expect(try Self.parent(other).traceID.description == callersTrace)
    }

    @Test(arguments: [
        ["traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"], ["traceparent: "], [caller, caller],
    ])
    func anInvalidTraceIsReplaced(headers: [String]) throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let answer = try server.connect().request("GET", "/hello", headers: headers + ["tracestate: a=1"])
        #expect(answer.status == 200)
        #expect(try Self.parent(answer).traceID.description != callersTrace)
        #expect(answer["tracestate"] == nil, "it belongs to the trace that was dropped")
    }

    @Test func theStateOfATraceIsPassedOnIfItIsValid() throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let client = try server.connect()
        let one = try client.request("GET", "/hello", headers: [caller, "tracestate: a=1"])
        #expect(one["tracestate"] == "a=1")
        let two = try client.request("GET", "/hello", headers: [caller, "tracestate: a=1", "tracestate: b=2"])
        #expect(two["tracestate"] == "a=1, b=2")
        let invalid = try client.request("GET", "/hello", headers: [caller, "tracestate: A=1"])
        #expect(invalid["tracestate"] == nil)
        #expect(try Self.parent(invalid).traceID.description == callersTrace)
        #expect(try client.request("GET", "/hello", headers: ["tracestate: a=1"])["tracestate"] == nil)
    }

    @Test(arguments: [
        ("GET", "/nothing", "", 404), ("GET", "/refuse", "", 503), ("PATCH", "/hello", "", 405),
        ("POST", "/store", String(repeating: "x", count: 200), 413),
        ("POST", "/store", String(repeating: "x", count: 5_000), 413),
    ])
    func everyProblemNamesItsTrace(method: String, path: String, body: String, status: Int) throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let answer = try server.connect().request(method, path, headers: [caller], body: body)
        #expect(answer.status == status)
        #expect(try Self.parent(answer).traceID.description == callersTrace)
        #expect(answer.text.hasSuffix("\"trace_id\":\"\(callersTrace)\"}\n"))
        #expect(answer["Content-Length"] == "\(answer.body.count)")
    }

    @Test func aMalformedRequestHasATrace() throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        for request in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "nonsense\r\n\r\n"] {
            let client = try server.connect()
            client.send(request)
            let answer = try client.readAnswer()
            #expect(answer.status >= 400)
            let id = try Self.parent(answer).traceID
            #expect(answer.text.contains("\"trace_id\":\"\(id)\""))
        }
    }

    @Test func aRefusalInTheMiddleOfABodyHasATrace() throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let client = try server.connect()
        client.send("POST /store HTTP/1.1\r\nHost: t\r\n\(caller)\r\ntracestate: a=1\r\n")
        client.send("Transfer-Encoding: chunked\r\n\r\n")
        client.send("1000\r\n" + String(repeating: "x", count: 0x1000))
        let answer = try client.readAnswer()
        #expect(answer.status == 413)
        #expect(try Self.parent(answer).traceID.description == callersTrace)
        #expect(answer["tracestate"] == "a=1")
        #expect(answer.text.hasSuffix("\"trace_id\":\"\(callersTrace)\"}\n"))
    }

    @Test func theAnswerToHeadHasATrace() throws {
        let server = try Self.makeServer()
        defer { server.stop() }
        let client = try server.connect()
        #expect(try Self.parent(try client.request("HEAD", "/hello")).flags == [])
        #expect(try Self.parent(try client.request("HEAD", "/nothing", headers: [caller])).flags == .sampled)
        #expect(try client.request("GET", "/hello").text == "hello")
    }

    @Test func aServerWithoutTracesSendsNone() throws {
        let server = try TestServer(routes: addRoutes)
        defer { server.stop() }
        let answer = try server.connect().request("GET", "/nothing", headers: [caller])
        #expect(answer["traceparent"] == nil)
        #expect(!answer.text.contains("trace_id"))
    }
}

/// Records when spans start and end.
private final class RecordedSpans: RequestSpans, @unchecked Sendable {
    // Safe because everything is used on the reactor's thread.
    private(set) var started: [String] = []
    fileprivate(set) var ended: [Int?] = []

    func start(for request: Request, at endpoint: Endpoint?) -> any RequestSpan {
        started.append(endpoint?.pattern ?? "-")
        return Recorded(self)
    }

    private final class Recorded: RequestSpan {
        private let spans: RecordedSpans
        let context: TraceContext? = TraceContext(traceID: TraceID(high: 0, low: 1), spanID: 2, flags: .sampled)
        let state: String? = nil

        init(_ spans: RecordedSpans) { self.spans = spans }

        func run(_ handler: () async -> Response) async -> Response { await handler() }

        func end(with response: Response?) { spans.ended.append(response?.status) }
    }
}

@Suite(.timeLimit(.minutes(20))) struct RequestSpansTests {
    @Test func eachRequestHasOneSpan() throws {
        let spans = RecordedSpans()
        let server = try TestServer({ $0.buffers.maxDiscardedBytes = 1_000 }, routes: addRoutes)
        defer { server.stop() }
        server.trace(spans: spans)
        let client = try server.connect()
        let answer = try client.request("GET", "/hello")
        #expect(answer["traceparent"] == "00-00000000000000000000000000000001-0000000000000002-01", "that of the span")
        _ = try client.request("GET", "/refuse")
        _ = try client.request("GET", "/nothing")
        _ = try client.request("POST", "/store", body: String(repeating: "x", count: 200))
        client.send("POST /store HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send("1000\r\n" + String(repeating: "x", count: 0x1000))
        _ = try client.readAnswer()
        let malformed = try server.connect()
        malformed.send("nonsense\r\n\r\n")
        _ = try malformed.readAnswer()
        #expect(server.onReactor { spans.started } == ["/hello", "/refuse", "-", "/store", "/store", "-"])
        #expect(server.onReactor { spans.ended } == [200, 503, 404, 413, 413, 400])
    }

    @Test func theSpanOfALostClientEnds() throws {
        let (gate, spans) = (Gate(), RecordedSpans())
        let server = try TestServer { router in
            router.add(.get, "/wait", operation: "wait") { _ in
                await gate.pass()
                return .text("late")
            }
            router.add(.post, "/store", operation: "store", maxBodyBytes: 100) { _ in .text("") }
        }
        defer { server.stop() }
        server.trace(spans: spans)
        let client = try server.connect()
        client.send(TestClient.text("GET", "/wait"))
        gate.waitForArrivals(1)
        client.abort()
        let half = try server.connect()
        half.send("POST /store HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nx")
        #expect(server.waits { _ in spans.started.count == 2 })
        half.abort()
        #expect(server.waits { _ in spans.ended == [nil] || spans.ended == [nil, nil] })
        server.onReactor { gate.open() }
        #expect(server.waits { $0.requestsInFlight == 0 && spans.ended == [nil, nil] })
    }
}
