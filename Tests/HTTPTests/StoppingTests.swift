import Dispatch
import EventLoop
import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(20))) struct StoppingTests {
    @Test func drainingFinishesInFlightRequestsAndClosesIdleConnections() throws {
        let gate = Gate()
        let server = try TestServer.hello(gate: gate)
        defer { server.stop() }
        let idle = try server.connect()
        #expect(try idle.request("GET", "/hello").status == 200)
        let busy = try server.connect()
        busy.send(TestClient.text("GET", "/wait"))
        gate.waitForArrivals(1)

        server.withServer { $0.stopAccepting() }
        #expect(throws: TestClient.Failure.self) { try server.connect() }
        let isDrained = Box(false)
        let done = server.spawn { server in
            isDrained.value = await server.drain(deadlineNs: server.reactor.nowNs + 20_000 * nsPerMs)
            server.stop()
        }
        #expect(server.withServer { $0.requestsInFlight } == 1)
        server.onReactor { gate.open() }
        let answer = try busy.readAnswer()
        #expect(answer.text == "waited")
        #expect(answer["Connection"] == "close")
        #expect(done.wait(timeout: .now() + .seconds(30)) == .success)
        #expect(server.onReactor { isDrained.value })
        #expect(busy.isClosedByServer())
        #expect(idle.isClosedByServer())
    }

    @Test(arguments: [128, 0])
    func requestsInFlightAtTheDeadlineGet503(maxUnsuspended: Int) throws {
        let gate = Gate()
        let server = try TestServer.hello(gate: gate) { $0.requests.maxUnsuspended = maxUnsuspended }
        defer { server.stop() }
        let reader = try server.connect()
        reader.send(TestClient.text("GET", "/wait"))
        let writer = try server.connect()
        writer.send(TestClient.text("POST", "/wait"))
        gate.waitForArrivals(2)
        let isDrained = Box(true)
        let done = server.spawn { server in
            isDrained.value = await server.drain(deadlineNs: server.reactor.nowNs + 10 * nsPerMs)
            server.stop()
        }
        #expect(done.wait(timeout: .now() + .seconds(30)) == .success)
        #expect(!server.onReactor { isDrained.value })
        let read = try reader.readAnswer()
        #expect(read.status == 503)
        #expect(read.text.contains("\"code\":\"stopping\""))
        #expect(!read.text.contains("outcome"))
        let written = try writer.readAnswer()
        #expect(written.text.contains("\"outcome\":\"unknown\""))
        #expect(reader.isClosedByServer())
        // The handlers' late answers are dropped.
        server.onReactor { gate.open() }
        #expect(server.withServer { $0.requestsInFlight } == 0)
    }

    @Test func anIdleServerDrainsAtOnceAndCanStopTwice() throws {
        let server = try TestServer.hello(gate: Gate())
        let isDrained = Box(false)
        server.run { isDrained.value = await $0.drain(deadlineNs: $0.reactor.nowNs) }
        #expect(server.onReactor { isDrained.value })
        server.withServer { $0.stop() }
        server.stop()
    }

    @Test(arguments: [128, 0])
    func aRequestThatArrivesDuringTheStopIsNotStarted(maxUnsuspended: Int) throws {
        let gate = Gate()
        let server = try TestServer.hello(gate: gate) { $0.requests.maxUnsuspended = maxUnsuspended }
        defer { server.stop() }
        let client = try server.connect()
        #expect(try client.request("GET", "/hello").status == 200)
        let sender = Box(client)
        server.withServer { server in
            sender.value.send(TestClient.text("POST", "/wait"))
            server.stop()
        }
        let answer = try client.readAnswer()
        #expect(answer.status == 503)
        #expect(answer.text.contains(#""code":"stopping","outcome":"not_applied""#))
        #expect(client.isClosedByServer())
    }

    @Test func anIncompleteRequestDoesNotDelayTheStop() throws {
        let server = try TestServer.hello(gate: Gate())
        let client = try server.connect()
        client.send("GET /hello HTT")
        server.withServer { $0.stop() }
        #expect(client.isClosedByServer())
        server.stop()
    }
}
