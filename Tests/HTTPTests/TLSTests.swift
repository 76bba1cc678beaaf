import Dispatch
import EventLoop
import Glibc
import TLS
import Testing

@testable import HTTP

/// What the server answers over TLS, and how it reads records.
@Suite(.timeLimit(.minutes(20))) struct TLSTests {
    private let fixture: TLSFixture
    private let trust: TLSClientSession.Credentials
    private let gate = Gate()
    private let streams = Box<[ResponseStream]>([])
    private let ended = Box(0)
    private let server: TestServer

    init() throws {
        fixture = try TLSFixture()
        trust = try fixture.trust()
        let credentials = try fixture.credentials()
        let (gate, streams, ended) = (gate, streams, ended)
        server = try TestServer({
            $0.tls = credentials
            $0.connections.crowdedIdleTimeoutMs = 100
        }) { router in
            router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
            router.add(.post, "/hello", operation: "hello", maxBodyBytes: 1 << 20) { .text("\($0.body.count)") }
            router.add(.get, "/wait", operation: "wait") { _ in
                await gate.pass()
                return .text("waited")
            }
            router.add(.get, "/stream", operation: "stream") { _ in
                let stream = ResponseStream()
                stream.onClose = { ended.value += 1 }
                streams.value.append(stream)
                var response = Response(contentType: "text/event-stream")
                response.stream = stream
                return response
            }
            router.add(.get, "/long", operation: "long") { _ in
                .text(String(repeating: "x", count: 3 << 20))
            }
        }
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        server.onReactor { [streams] in streams.value[0].write(bytes) }
    }

    private static let versions = ["TLS1.2", "TLS1.3"]

    private func connect(_ version: String) throws -> TestClient {
        try server.connect(trust, priorities: "NORMAL:-VERS-ALL:+VERS-\(version)")
    }

    @Test(arguments: versions) func requestsAreAnsweredWithStrictTransportSecurity(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        #expect(client.tls?.version == version)
        for _ in 0..<3 {
            let answer = try client.request("GET", "/hello")
            #expect(answer.text == "hello")
            #expect(answer["Strict-Transport-Security"] == "max-age=31536000")
        }
        #expect(try client.request("HEAD", "/hello")["Content-Length"] == "5")
        #expect(try client.request("GET", "/none").status == 404)
    }

    @Test func withoutTLSNoAnswerHasStrictTransportSecurity() throws {
        server.stop()
        let plain = try TestServer.hello()
        defer { plain.stop() }
        #expect(try plain.connect().request("GET", "/hello")["Strict-Transport-Security"] == nil)
    }

    @Test(arguments: versions) func manyRequestsInOneRecordAreAllAnswered(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        // 300 requests are longer than a record and than every buffer of the server.
        for count in [5, 300] {
            client.send(String(repeating: TestClient.text("GET", "/hello"), count: count))
            for _ in 0..<count { #expect(try client.readAnswer().text == "hello") }
        }
    }

    @Test(arguments: versions) func aRequestMayBeSplitOverManyRecords(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        for byte in TestClient.text("POST", "/hello", body: "ten bytes!").utf8 { client.send([byte]) }
        #expect(try client.readAnswer().text == "10")
    }

    @Test(arguments: versions) func bodiesAroundTheSizeOfARecordArrive(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        for count in [1, 8_191, 8_192, 16_383, 16_384, 16_385, 100_000, 1 << 20] {
            let answer = try client.request("POST", "/hello", body: String(repeating: "b", count: count))
            #expect(answer.text == "\(count)")
        }
        #expect(try client.request("GET", "/hello").text == "hello")
    }

    @Test(arguments: versions) func aChunkedBodyArrives(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        client.send("POST /hello HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<100 { client.send("3e8\r\n" + String(repeating: "c", count: 1_000) + "\r\n") }
        client.send("0\r\n\r\n" + TestClient.text("GET", "/hello"))
        #expect(try client.readAnswer().text == "100000")
        #expect(try client.readAnswer().text == "hello")
    }

    @Test(arguments: versions) func longAnswersArriveAtASlowReader(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        for _ in 0..<2 {
            client.send(TestClient.text("GET", "/long"))
            #expect(try client.readAnswer { usleep(100) }.body.count == 3 << 20)
        }
    }

    @Test(arguments: versions) func aStreamReachesItsClientAndEnds(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        client.send(TestClient.text("GET", "/stream"))
        #expect(try client.readAnswer(hasBody: false)["Transfer-Encoding"] == "chunked")
        for text in ["one", String(repeating: "2", count: 40_000), "three"] {
            #expect(write(Array(text.utf8)))
            var received = ""
            while received.count < text.count { received += try #require(try client.readChunk()) }
            #expect(received == text)
        }
        server.onReactor { [streams] in streams.value[0].close() }
        #expect(try client.readChunk() == nil)
        #expect(try client.request("GET", "/hello").text == "hello")
    }

    @Test(arguments: [true, false]) func theClientOfASilentStreamIsMissed(endsTLS: Bool) throws {
        defer { server.stop() }
        let client = try connect("TLS1.3")
        client.send(TestClient.text("GET", "/stream"))
        #expect(try client.readAnswer(hasBody: false).status == 200)
        // A last record precedes the end of TCP.
        if endsTLS { client.tls?.finishSending() }
        client.close()
        let ended = ended
        #expect(server.waits { _ in ended.value == 1 })
        #expect(server.waits { $0.connectionCount == 0 })
    }

    @Test func aStreamThatIsCutOffDoesNotEndTLS() throws {
        defer { server.stop() }
        let client = try connect("TLS1.3")
        client.send(TestClient.text("GET", "/stream").replacing("HTTP/1.1", with: "HTTP/1.0"))
        #expect(try client.readAnswer(hasBody: false).status == 200)
        // More than its buffer holds: the server gives up. Without chunks, only TLS tells a cut from an end.
        #expect(!write([UInt8](repeating: 1, count: 1 << 20)))
        #expect(!client.isEndedByServer())
    }

    @Test func aRequestBehindAnUpdateOfKeysIsAnswered() throws {
        defer { server.stop() }
        let client = try connect("TLS1.3")
        for _ in 0..<3 {
            // Both arrive together: a record without data must not hide the next one.
            #expect(client.tls?.updateKeys() == 0)
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test(arguments: versions) func aTooLongBodyIsRefused(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        // By its length, before the body.
        #expect(try client.request("POST", "/hello", headers: ["Content-Length: 99999999"]).status == 413)
        #expect(client.isEndedByServer())
        // In the middle of it.
        let other = try connect(version)
        other.send("POST /hello HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<50 { other.send("10000\r\n" + String(repeating: "c", count: 65_536) + "\r\n") }
        let answer = try other.readAnswer()
        #expect(answer.status == 413)
        #expect(answer.text.contains("\"code\":\"value_too_large\""))
        #expect(other.isEndedByServer())
    }

    @Test(arguments: versions) func aMalformedRequestIsAnsweredOnce(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        client.send(TestClient.text("GET", "/hello") + "GET /hello HTTP/1.1\nHost: test\r\n\r\n")
        #expect(try client.readAnswer().text == "hello")
        #expect(try client.readAnswer().status == 400)
        #expect(client.isEndedByServer())
    }

    @Test(arguments: versions) func aClientThatEndedItsSideStillGetsItsAnswer(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        client.send(TestClient.text("GET", "/wait"))
        client.tls?.finishSending()
        client.finishSending()
        gate.waitForArrivals(1)
        server.onReactor { [gate] in gate.open() }
        #expect(try client.readAnswer().text == "waited")
        #expect(client.isEndedByServer())
    }

    @Test(arguments: versions) func aRequestThatWasCutOffIsNotExecuted(version: String) throws {
        defer { server.stop() }
        let client = try connect(version)
        client.send("POST /hello HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
        // Without the end of TLS.
        client.finishSending()
        #expect(client.readToEnd() == "")
        #expect(server.waits { $0.connectionCount == 0 })
    }

    @Test func anIdleConnectionIsEndedByTLS() throws {
        let credentials = try fixture.credentials()
        server.stop()
        let impatient = try TestServer.hello {
            $0.tls = credentials
            $0.connections.crowdedIdleTimeoutMs = 100
            $0.connections.idleTimeoutS = 1
        }
        defer { impatient.stop() }
        let client = try impatient.connect(trust)
        #expect(try client.request("GET", "/hello").text == "hello")
        #expect(client.isEndedByServer())
    }

    @Test func theServerDoesNotSpinWhileConnectionsWait() throws {
        defer { server.stop() }
        let silent = try (0..<20).map { _ in try server.connect() }
        for client in silent { client.send([22, 3, 1, 2, 0, 1]) }
        let idle = try connect("TLS1.3")
        #expect(try idle.request("GET", "/hello").text == "hello")
        #expect(server.waits { $0.connectionCount == 21 && $0.connections.handshaking.count == 20 })
        let turns = Turns()
        server.withServer { $0.reactor.add(turns) }
        server.run { await $0.reactor.sleep(forNs: 300 * nsPerMs) }
        #expect(turns.count < 100)
    }
}

private final class Turns: TurnParticipant, @unchecked Sendable {
    // Safe because the test reads it after the reactor's task has ended.
    var count = 0
    func waitLimitMs() -> Int32? { nil }
    func turn() { count += 1 }
    func endTurn() {}
}
