import EventLoop
import HTTP
import InMemoryTracing
import Replication
import TestSupport
import Testing
import Tracing

@testable import Service

/// An HTTP server with one span per request, as ``ServiceInstance`` sets it up.
private final class TracedServer: @unchecked Sendable {
    // Safe because `server` is used on the reactor's thread only.
    private let reactor: Reactor
    private var server: HTTPServer?
    private(set) var port: UInt16 = 0

    init(_ tracer: some Tracer) async throws {
        reactor = try Reactor(name: "traced")
        reactor.start()
        port = try await reactor.perform { [self] in
            let router = Router()
            router.add(.get, "/read/{key}", operation: "read") { request in
                // After a suspension, the span is still the current one.
                await Task.yield()
                tracer.startSpan("child").end()
                return .text(ServiceContext.current == nil ? "no span" : "span")
            }
            router.add(.get, "/refuse", operation: "refuse") { _ in throw Problem.notReady }
            let server = HTTPServer(reactor: reactor, settings: .init(host: "127.0.0.1", port: 0), router: router)
            var random = SplitMix64(seed: 1)
            server.traces = RequestTraces(random: &random, spans: ServiceTracing(tracer).spans)
            self.server = server
            try server.start()
            return server.boundPort
        }
    }

    func stop() async {
        _ = await reactor.perform { [self] in server?.stop() }
        reactor.stop()
        reactor.join()
    }
}

@Suite(.timeLimit(.minutes(20))) struct TracingTests {
    private static let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func aRequestIsOneServerSpanBelowThatOfItsCaller() async throws {
        let tracer = W3CTracer()
        let server = try await TracedServer(tracer)
        let client = try HTTPClient(port: server.port)
        let answer = try client.request("GET", "/read/secret", headers: ["traceparent": Self.caller])
        #expect(answer.text == "span")
        await server.stop()
        let spans = tracer.spans.finishedSpans
        let span = try #require(spans.first { $0.kind == .server })
        #expect(spans.count { $0.kind == .server } == 1)
        #expect(span.operationName == "GET /read/{key}")
        #expect(span.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(span.attributes.get("http.request.method") == "GET")
        #expect(span.attributes.get("http.route") == "/read/{key}")
        #expect(span.attributes.get("http.response.status_code") == .int64(200))
        #expect(span.attributes.get("error.type") == nil)
        #expect(span.status == nil)
        #expect(!"\(span.attributes)".contains("secret"), "keys are not exported")
        #expect(answer.headers["traceparent"] == "00-\(span.traceID)-\(span.spanID)-01")
        let child = try #require(spans.first { $0.operationName == "child" })
        #expect(child.traceID == span.traceID && child.parentSpanID == span.spanID)
        #expect(tracer.spans.activeSpans.isEmpty)
    }

    @Test func theParentOfTheSpanIsTheCallersSpan() async throws {
        let tracer = W3CTracer()
        let server = try await TracedServer(tracer)
        let client = try HTTPClient(port: server.port)
        _ = try client.request("GET", "/read/k", headers: ["traceparent": Self.caller])
        _ = try client.request("GET", "/read/k", headers: ["traceparent": "nonsense"])
        await server.stop()
        let parents = tracer.spans.finishedSpans.filter { $0.kind == .server }.map(\.parentSpanID)
        #expect(parents == ["00f067aa0ba902b7", nil])
    }

    @Test(arguments: [
        ("GET", "/refuse", "GET /refuse", 503, "not_ready", true), ("GET", "/nothing", "GET", 404, "not_found", false),
        ("BREW", "/refuse", "HTTP", 405, "method_not_allowed", false),
    ])
    func aFailureHasItsType(
        method: String, path: String, name: String, status: Int, code: String, isError: Bool
    ) async throws {
        let tracer = W3CTracer()
        let server = try await TracedServer(tracer)
        let answer = try HTTPClient(port: server.port).request(method, path)
        await server.stop()
        let span = try #require(tracer.spans.finishedSpans.first)
        #expect(answer.status == status)
        #expect(span.operationName == name)
        #expect(span.attributes.get("http.request.method") == .string(method == "BREW" ? "_OTHER" : "GET"))
        #expect(span.attributes.get("http.response.status_code") == .int64(Int64(status)))
        #expect(span.attributes.get("error.type") == .string(code))
        #expect((span.status?.code == .error) == isError)
        #expect(answer.string("trace_id") == span.traceID)
        #expect(span.parentSpanID == nil)
    }

    @Test func withoutATracerNothingIsRecorded() async throws {
        #expect(ServiceTracing(NoOpTracer()).spans == nil)
        let server = try await TracedServer(NoOpTracer())
        let answer = try HTTPClient(port: server.port).request("GET", "/read/k")
        #expect(answer.text == "no span", "no task-local value is set")
        #expect(answer.headers["traceparent"]?.hasSuffix("-00") == true)
        await server.stop()
    }

    /// Its own IDs are in other fields.
    @Test func aTracerWithoutTraceParentLeavesTheIDs() async throws {
        let tracer = InMemoryTracer()
        let server = try await TracedServer(tracer)
        let answer = try HTTPClient(port: server.port).request(
            "GET", "/read/k", headers: ["traceparent": Self.caller, "tracestate": "a=1"])
        await server.stop()
        #expect(answer.headers["traceparent"]?.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") == true)
        #expect(answer.headers["tracestate"] == "a=1")
        #expect(tracer.finishedSpans.count { $0.kind == .server } == 1)
    }
}

/// A group that keeps the sinks of its commands.
private final class KeptSinks: ReplicaGroup {
    let replicaNames = ["g1", "g2", "g3"]
    var identityCheck: Command?
    var delegate: (any ReplicaGroupDelegate)?
    var available: ReplicaSet = [0, 1]
    let nearestFirst = [0, 1]
    private(set) var sinks: [any ReplySink] = []

    func latencyNs(_ replica: Int) -> UInt64 { 7 }

    func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        sinks.append(sink)
        var result = SendResult()
        for replica in targets where available.contains(replica) { result.sent.insert(replica) }
        return result
    }
}

private final class CountedReplies: ReplySink {
    var replies: [Reply?] = []
    func receive(_ reply: Reply?, from replica: Int) { replies.append(reply) }
}

@Suite struct TracedReplicaGroupTests {
    private let tracer = W3CTracer()
    private let kept = KeptSinks()
    private let replies = CountedReplies()
    private let script = Script(name: "merge", source: [])

    private func send(_ group: any ReplicaGroup, _ verb: Command.Verb) -> SendResult {
        group.send(Command(verb), to: .all(3), sink: replies)
    }

    @Test func eachCommandOfARequestIsAClientSpan() throws {
        let group = ServiceTracing(tracer).group(kept)
        let server = tracer.startSpan("GET /read/{key}", ofKind: .server)
        let sent = ServiceContext.$current.withValue(server.context) {
            send(group, .script(script, keys: [Bytes("secret".utf8)])).sent
        }
        #expect(sent == [0, 1])
        #expect(tracer.spans.finishedSpans.isEmpty)
        let sink = try #require(kept.sinks.first)
        sink.receive(.integer(1), from: 0)
        sink.receive(nil, from: 1)
        #expect(replies.replies == [.integer(1), nil])
        let spans = tracer.spans.finishedSpans
        #expect(spans.map(\.operationName) == ["EVALSHA merge", "EVALSHA merge"])
        #expect(spans.allSatisfy { $0.kind == .client && $0.parentSpanID == server.spanID })
        #expect(spans.map { $0.attributes.get("cap.replica") } == ["g1", "g2"])
        #expect(spans.map { $0.attributes.get("db.system.name") } == ["redis", "redis"])
        #expect(spans.map { $0.attributes.get("error.type") } == [nil, "connection_lost"])
        #expect(!"\(spans)".contains("secret"))
        #expect(tracer.spans.activeSpans.count == 1, "the server's")
    }

    @Test func anErrorReplyAndADroppedReplyAreErrors() throws {
        let group = ServiceTracing(tracer).group(kept)
        ServiceContext.$current.withValue(tracer.startSpan("request").context) {
            _ = send(group, .plain([Bytes("PING".utf8)]))
        }
        kept.sinks[0].receive(.error("ERR no"), from: 0)
        kept.sinks[0].receiveOverBudget(from: 1)
        let spans = tracer.spans.finishedSpans
        #expect(spans.map(\.operationName) == ["PING", "PING"])
        #expect(spans.map { $0.attributes.get("error.type") } == ["error_reply", "over_budget"])
        #expect(spans.allSatisfy { $0.status?.code == .error })
        #expect(replies.replies == [.error("ERR no"), nil])
    }

    @Test func backgroundWorkHasNoSpans() {
        let group = ServiceTracing(tracer).group(kept)
        #expect(send(group, .plain([Bytes("PING".utf8)])).sent == [0, 1])
        kept.sinks[0].receive(.status("PONG"), from: 0)
        #expect(tracer.spans.finishedSpans.isEmpty && tracer.spans.activeSpans.isEmpty)
        #expect(replies.replies == [.status("PONG")])
    }

    @Test func theRestIsPassedOn() {
        let group = ServiceTracing(tracer).group(kept)
        group.identityCheck = .plain("GET", "id")
        #expect(kept.identityCheck != nil && group.identityCheck != nil)
        #expect(group.available == [0, 1] && group.nearestFirst == [0, 1] && group.latencyNs(0) == 7)
        #expect(group.replicaNames == kept.replicaNames && group.delegate == nil)
        #expect(!group.refusesConnections(0) && !group.rejectsCommands(0))
    }

    @Test func withoutATracerTheGroupIsTheSame() { #expect(ServiceTracing(NoOpTracer()).group(kept) === kept) }
}
