import Available
import EventLoop
import HTTP
import Replication
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct AvailableEndpointsTests {
    @Test func aMissingKeyIs404WithVersionAndAge() async throws {
        let endpoints = try APEndpoints()
        endpoints.store.onRead = { _ in
            ReadResult(value: nil, version: "empty", stalenessMs: 5, isStale: false)
        }
        let response = await endpoints.ask(.get, "/read/k")
        try expect(response, 404, "key_not_found")
        let members = try response.members
        #expect(text(members["version"]) == "empty")
        #expect(text(members["staleness_ms"]) == "5")
        #expect(members["stale"] != nil)
    }

    @Test func aDeleteInConflictIs404WithAllValues() async throws {
        let endpoints = try APEndpoints()
        endpoints.store.onRead = { _ in
            var result = ReadResult(value: nil, version: "seen", stalenessMs: 5, isStale: false)
            result.conflicts = [nil, Bytes("left".utf8), [0xFF]]
            return result
        }
        let response = await endpoints.ask(.get, "/read/k")
        try expect(response, 404, "key_not_found")
        #expect(
            String(decoding: response.body, as: UTF8.self)
                .contains("\"conflicts\":[null,\"left\",{\"base64\":\"/w==\"}]"))
    }

    @Test func theLimitOfStalenessReachesTheEngine() async throws {
        let endpoints = try APEndpoints()
        _ = await endpoints.ask(.get, "/read/k?max_staleness_ms=0")
        _ = await endpoints.ask(.get, "/read/k?require_session=false&max_staleness_ms=250")
        _ = await endpoints.ask(.get, "/read/k")
        #expect(endpoints.store.reads.map(\.maxStalenessMs) == [0, 250, nil])
        try expect(await endpoints.ask(.get, "/read/k?max_staleness_ms=-1"), 400, "bad_max_staleness_ms")
        try expect(await endpoints.ask(.get, "/read/k?max_staleness_ms="), 400, "bad_max_staleness_ms")
    }

    @Test func theSessionTokenReachesTheEngineAndANewOneIsReturned() async throws {
        let endpoints = try APEndpoints()
        endpoints.store.onRead = { _ in
            var result = ReadResult(value: Bytes("v".utf8), version: "c", stalenessMs: 0, isStale: false)
            result.session.token = "next"
            result.session.isGuaranteed = false
            return result
        }
        let answer = await endpoints.ask(.get, "/read/k?require_session=true", headers: ["x-session-token": "t"])
        #expect(endpoints.store.reads[0].session.token == "t")
        #expect(endpoints.store.reads[0].session.isRequired)
        #expect(answer.header("X-Session-Token") == "next")
        #expect(try answer.members["session"] as? String == "not_guaranteed")
        endpoints.store.onChange = { _ in
            var result = ChangeResult(version: "c", replicasAcked: 1, existed: false)
            result.session.token = "after"
            result.session.isGuaranteed = true
            return result
        }
        let written = await endpoints.ask(.post, "/write/k/v", headers: ["X-Session-Token": "next"])
        #expect(endpoints.store.changes[0].session.token == "next")
        #expect(written.header("X-Session-Token") == "after")
        #expect(try written.members["session"] as? String == "guaranteed")
        let absent = await endpoints.ask(.delete, "/delete/k", headers: ["X-Session-Token": "next"])
        try expect(absent, 404, "key_not_found")
        #expect(absent.header("X-Session-Token") == "after")
        #expect(try absent.members["session"] as? String == "guaranteed")
    }

    @Test func unmetSessionsAndForgedTokensHaveDifferentCodes() async throws {
        let endpoints = try APEndpoints()
        endpoints.store.onRead = { _ throws(AvailableFailure) in throw AvailableFailure(.sessionUnmet, "why") }
        try expect(await endpoints.ask(.get, "/read/k?require_session=true"), 412, "session_unmet")
        endpoints.store.onRead = { _ throws(AvailableFailure) in throw AvailableFailure(.badToken, "why") }
        try expect(await endpoints.ask(.get, "/read/k"), 400, "bad_token")
        try expect(await endpoints.ask(.get, "/read/k?require_session=yes"), 400, "bad_require_session")
    }

    @Test(arguments: ["If-Match", "If-None-Match"])
    func aPreconditionAtAppAPIsNotSupported(_ field: String) async throws {
        let endpoints = try APEndpoints()
        for (method, target) in [(HTTP.Method.post, "/write/k/v"), (.delete, "/delete/k"), (.get, "/read/k")] {
            try expect(await endpoints.ask(method, target, headers: [field: "\"1\""]), 400, "not_supported")
        }
        #expect(endpoints.store.changes.isEmpty && endpoints.store.reads.isEmpty)
    }

    @Test func theContextReachesTheEngine() async throws {
        let endpoints = try APEndpoints()
        _ = await endpoints.ask(.post, "/write/k/v", headers: ["X-Context": "c"])
        #expect(endpoints.store.changes.map(\.context) == ["c"])
    }
}
