import EventLoop
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// Connections to services and Redis servers.
@Suite(.timeLimit(.minutes(20))) struct ClientTests {
    private func withConnection(_ body: @escaping @Sendable (Int32, HTTPConnection, Reactor) async throws -> Void)
        async throws
    {
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let listener = try Sockets.listen(port: 0)
            defer { close(listener) }
            let connection = HTTPConnection(port: Sockets.localPort(listener), on: reactor)
            defer { connection.close() }
            try await body(listener, connection, reactor)
        }
    }

    private func accept(_ listener: Int32, _ reactor: Reactor) async throws -> Peer {
        var descriptor: Int32 = -1
        #expect(
            await reactor.eventually {
                descriptor = Sockets.accept(listener)
                return descriptor >= 0
            })
        return Peer(descriptor, on: reactor)
    }

    /// Answers the next request with this text; without one, closes the connection.
    private func serve(_ peer: Peer, _ text: String?, _ reactor: Reactor) {
        reactor.spawn {
            _ = await reactor.eventually { peer.text.contains("\r\n\r\n") }
            if let text { try? await peer.send(text) } else { peer.close() }
        }
    }

    @Test func aConnectionServesSuccessiveRequests() async throws {
        try await withConnection { listener, connection, reactor in
            reactor.spawn {
                guard let peer = try? await accept(listener, reactor) else { return }
                serve(peer, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"value\":\"a\"}", reactor)
                _ = await reactor.eventually { peer.text.contains("/second") }
                try? await peer.send("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}")
            }
            let first = await connection.ask(HTTPRequest(path: "/first"), timeoutMs: 10_000)
            let second = await connection.ask(HTTPRequest(path: "/second"), timeoutMs: 10_000)
            #expect(first.status == 200)
            #expect(first.value == "a")
            #expect(second.status == 404)
        }
    }

    @Test func anUnsentRequestDiffersFromAnUnansweredOne() async throws {
        try await withConnection { listener, connection, reactor in
            reactor.spawn {
                if let peer = try? await accept(listener, reactor) { serve(peer, nil, reactor) }
            }
            let unanswered = await connection.ask(HTTPRequest(path: "/x"), timeoutMs: 10_000)
            #expect(unanswered.status == 0 && unanswered.isSent)
            let reservation = try ReservedPort()
            let unsent = await HTTPConnection.ask(
                HTTPRequest(path: "/x"), at: .loopback(reservation.port), timeoutMs: 10_000, on: reactor)
            #expect(unsent.status == 0 && !unsent.isSent)
        }
    }

    @Test func aRequestTimesOut() async throws {
        try await withConnection { _, connection, _ in
            let answer = await connection.ask(HTTPRequest(path: "/x"), timeoutMs: 50)
            #expect(answer.status == 0 && answer.isSent)
        }
    }

    @Test func anIncompleteAnswerIsNotParsed() {
        let whole = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".utf8)
        for count in 0..<whole.count { #expect(HTTPMessage(Array(whole[..<count])) == nil) }
        #expect(HTTPMessage(whole)?.body == "{}")
        #expect(HTTPMessage(whole)?.closes == true)
    }

    @Test func recordsAreReadWithoutTheReplicasOwnClock() throws {
        let redis = try RedisServer([])
        _ = try redis.cli("HSET", "ap:k", "vv", "x=1", "at", "17", "x@1", "V0::a b")
        _ = try redis.cli("SET", "cap:hlc", "1")
        _ = try redis.cli("CONFIG", "SET", "requirepass", "secret")
        let records = RedisClient.records(port: redis.port, password: "secret")
        #expect(records == ["ap:k": ["vv": "x=1", "x@1": "V0::a b"]])
    }
}
