import Dispatch
import EventLoop
import Testing

@testable import HTTP

/// The streams to which the test writes, in the order of their requests, and how many of them are closed.
private final class Streams: @unchecked Sendable {
    // Safe because it is used on the reactor's thread only.
    var all: [ResponseStream] = []
    var doneCount = 0

    func open(capacityBytes: Int) -> Response {
        let stream = ResponseStream(capacityBytes: capacityBytes)
        stream.onClose = { self.doneCount += 1 }
        all.append(stream)
        var response = Response(contentType: "text/event-stream")
        response.stream = stream
        return response
    }
}

private final class TurnCounter: TurnParticipant {
    var count = 0
    func waitLimitMs() -> Int32? { nil }
    func turn() { count += 1 }
    func endTurn() {}
}

@Suite(.timeLimit(.minutes(20))) struct StreamTests {
    private let streams = Streams()
    private let gate = Gate()
    private let server: TestServer

    init() throws { server = try Self.makeServer(streams, gate) }

    private static func makeServer(
        _ streams: Streams, _ gate: Gate, capacityBytes: Int = 64 << 10,
        _ adjust: @escaping @Sendable (inout HTTPServerSettings) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer({
            $0.connections.crowdedIdleTimeoutMs = 100
            adjust(&$0)
        }) { router in
            router.add(.get, "/stream", operation: "stream") { _ in streams.open(capacityBytes: capacityBytes) }
            router.add(.get, "/late", operation: "late") { _ in
                await gate.pass()
                return streams.open(capacityBytes: capacityBytes)
            }
            router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
        }
    }

    /// Opens a stream, and returns its client after the head of the answer.
    private func open(_ server: TestServer, _ path: String = "/stream") throws -> TestClient {
        let client = try server.connect()
        client.send(TestClient.text("GET", path))
        let answer = try client.readAnswer(hasBody: false)
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "text/event-stream")
        #expect(answer["Cache-Control"] == "no-store")
        #expect(answer["Transfer-Encoding"] == "chunked")
        return client
    }

    private func write(_ text: String, to index: Int = 0, on server: TestServer) -> Bool {
        server.onReactor { [streams] in streams.all[index].write(Array(text.utf8)) }
    }

    private func doneCount(on server: TestServer) -> Int {
        server.onReactor { [streams] in streams.doneCount }
    }

    private func waitsUntilDone(_ count: Int, on server: TestServer) -> Bool {
        server.waits { [streams] _ in streams.doneCount == count }
    }

    private func sleep(_ durationMs: UInt64, on server: TestServer) {
        server.run { await $0.reactor.sleep(forNs: durationMs * nsPerMs) }
    }

    // MARK: Sending

    @Test func textArrivesWhenItIsWrittenAndTheConnectionIsReusedAfterTheEnd() throws {
        defer { server.stop() }
        let client = try open(server)
        for number in 1...20 {
            #expect(write("event \(number)\n", on: server))
            #expect(try client.readChunk() == "event \(number)\n")
        }
        server.onReactor { [streams] in streams.all[0].close() }
        #expect(try client.readChunk() == nil)
        #expect(waitsUntilDone(1, on: server))
        #expect(!write("late", on: server))
        #expect(try client.request("GET", "/hello").text == "hello")
        #expect(server.withServer { $0.requestsInFlight } == 0)
    }

    @Test func whatIsLongerThanTheBuffersOfTheLibraryArrivesWhole() throws {
        defer { server.stop() }
        let client = try open(server)
        let text = String(repeating: "0123456789", count: 6_000)
        #expect(write(text, on: server))
        server.onReactor { [streams] in streams.all[0].close() }
        var received = ""
        while let chunk = try client.readChunk() { received += chunk }
        #expect(received == text)
    }

    @Test func aClientOfHTTP10ReadsUntilTheConnectionIsClosed() throws {
        defer { server.stop() }
        let client = try server.connect()
        client.send("GET /stream HTTP/1.0\r\n\r\n")
        let answer = try client.readAnswer(hasBody: false)
        #expect(answer.status == 200)
        #expect(answer["Transfer-Encoding"] == nil)
        #expect(write("one\n", on: server))
        sleep(20, on: server)
        #expect(write("two\n", on: server))
        server.onReactor { [streams] in streams.all[0].close() }
        #expect(client.readToEnd() == "one\ntwo\n")
    }

    @Test func headGetsNoBodyAndTheStreamIsOver() throws {
        defer { server.stop() }
        let client = try server.connect()
        let answer = try client.request("HEAD", "/stream")
        #expect(answer.status == 200)
        #expect(answer["Content-Length"] == nil)
        #expect(waitsUntilDone(1, on: server))
        #expect(client.readToEnd() == "")
    }

    @Test func aPipelinedRequestIsAnsweredAfterTheStream() throws {
        defer { server.stop() }
        let client = try server.connect()
        client.send(TestClient.text("GET", "/stream") + TestClient.text("GET", "/hello"))
        _ = try client.readAnswer(hasBody: false)
        #expect(write("event\n", on: server))
        #expect(try client.readChunk() == "event\n")
        server.onReactor { [streams] in streams.all[0].close() }
        #expect(try client.readChunk() == nil)
        #expect(try client.readAnswer().text == "hello")
    }

    @Test func aSilentStreamCostsNoTurns() throws {
        defer { server.stop() }
        let client = try open(server)
        #expect(write("event\n", on: server))
        #expect(try client.readChunk() == "event\n")
        sleep(50, on: server)
        let counter = Box(TurnCounter())
        server.withServer { $0.reactor.add(counter.value) }
        sleep(500, on: server)
        // Only the check of the connection table causes turns, here every 25 ms.
        #expect(server.onReactor { counter.value.count } < 60)
    }

    // MARK: Clients that leave, or do not read

    @Test(arguments: [false, true])
    func aClientThatLeavesASilentStreamIsNoticed(isReset: Bool) throws {
        defer { server.stop() }
        let client = try open(server)
        if isReset { client.abort() } else { client.close() }
        #expect(waitsUntilDone(1, on: server))
        #expect(server.waits { $0.connectionCount == 0 })
        #expect(server.withServer { $0.requestsInFlight } == 0)
    }

    @Test func aClientThatLeavesBeforeTheResponseEndsTheStream() throws {
        defer { server.stop() }
        let client = try server.connect()
        client.send(TestClient.text("GET", "/late"))
        gate.waitForArrivals(1)
        client.abort()
        #expect(server.waits { $0.connectionCount == 0 })
        server.onReactor { [gate] in gate.open() }
        #expect(waitsUntilDone(1, on: server))
        #expect(server.waits { $0.requestsInFlight == 0 })
    }

    @Test func aClientThatReadsTooSlowlyIsDisconnected() throws {
        defer { server.stop() }
        let client = try open(server)
        let reader = try open(server)
        let part = String(repeating: "x", count: 32_000)
        var isFull = false
        for _ in 0..<2_000 where !isFull {
            isFull = !write(part, on: server)
            #expect(write("tick", to: 1, on: server))
            #expect(try reader.readChunk() == "tick")
        }
        #expect(isFull)
        #expect(waitsUntilDone(1, on: server))
        #expect(!client.readToEnd().hasSuffix("0\r\n\r\n"))
    }

    @Test func aMessageLongerThanTheBufferEndsASilentStream() throws {
        defer { server.stop() }
        let client = try open(server)
        #expect(!write(String(repeating: "x", count: 100_000), on: server))
        #expect(client.readToEnd() == "")
        #expect(waitsUntilDone(1, on: server))
    }

    @Test func aStreamOutlivesTheIdleTimeout() throws {
        let server = try Self.makeServer(streams, gate) { $0.connections.idleTimeoutS = 1 }
        defer { server.stop() }
        let silent = try open(server)
        let busy = try open(server)
        for _ in 0..<10 {
            sleep(250, on: server)
            #expect(write("tick", to: 1, on: server))
            #expect(try busy.readChunk() == "tick")
        }
        #expect(write("still here", on: server))
        #expect(try silent.readChunk() == "still here")
    }

    @Test func aClientThatStopsReadingIsClosedAsIdle() throws {
        let server = try Self.makeServer(streams, gate, capacityBytes: 64 << 20) { $0.connections.idleTimeoutS = 1 }
        defer { server.stop() }
        let client = try open(server)
        #expect(write(String(repeating: "x", count: 32 << 20), on: server))
        #expect(waitsUntilDone(1, on: server))
        #expect(!client.readToEnd().hasSuffix("0\r\n\r\n"))
    }

    // MARK: Stopping

    @Test func drainingEndsStreamsAfterWhatWasWritten() throws {
        defer { server.stop() }
        let client = try open(server)
        let late = try server.connect()
        late.send(TestClient.text("GET", "/late"))
        gate.waitForArrivals(1)
        let isDrained = Box(false)
        let streams = streams
        let gate = gate
        let opened = server.spawn { server in
            await server.reactor.sleep(forNs: 20 * nsPerMs)
            gate.open()
        }
        let done = server.spawn { server in
            streams.all[0].write(Array("last\n".utf8))
            isDrained.value = await server.drain(deadlineNs: server.reactor.nowNs + 20_000 * nsPerMs)
        }
        #expect(try client.readChunk() == "last\n")
        #expect(try client.readChunk() == nil)
        // A stream that begins during the drain ends at once.
        #expect(try late.readAnswer(hasBody: false).status == 200)
        #expect(try late.readChunk() == nil)
        #expect(late.isClosedByServer())
        #expect(done.wait(timeout: .now() + .seconds(30)) == .success)
        #expect(opened.wait(timeout: .now() + .seconds(30)) == .success)
        #expect(server.onReactor { isDrained.value })
        #expect(doneCount(on: server) == 2)
    }

    @Test func aStopEndsSilentAndBlockedStreamsAndThoseThatBeginLater() throws {
        let server = try Self.makeServer(streams, gate, capacityBytes: 64 << 20)
        let silent = try open(server)
        let blocked = try open(server)
        #expect(write(String(repeating: "x", count: 32 << 20), to: 1, on: server))
        let late = try server.connect()
        late.send(TestClient.text("GET", "/late"))
        gate.waitForArrivals(1)
        server.withServer { $0.stop() }
        #expect(try silent.readChunk() == nil)
        #expect(silent.isClosedByServer())
        #expect(blocked.isClosedByServer())
        #expect(try late.readAnswer().status == 503)
        server.onReactor { [gate] in gate.open() }
        #expect(doneCount(on: server) == 3)
        server.stop()
    }

    @Test func aStreamThatBecomesReadyInTheTurnOfAStopIsEnded() throws {
        let client = try server.connect()
        client.send(TestClient.text("GET", "/late"))
        gate.waitForArrivals(1)
        let gate = gate
        let done = server.spawn { server in
            gate.open()
            await server.reactor.sleep(forNs: 0)
            server.stop()
        }
        #expect(done.wait(timeout: .now() + .seconds(30)) == .success)
        #expect(try client.readAnswer(hasBody: false).status == 200)
        #expect(try client.readChunk() == nil)
        #expect(doneCount(on: server) == 1)
        server.stop()
    }
}
