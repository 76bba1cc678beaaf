import Consistent
import EventLoop
import HTTP
import Replication
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct ConsistentEndpointsTests {
    @Test func thePreconditionReachesTheEngine() async throws {
        let endpoints = try CPEndpoints()
        _ = await endpoints.ask(.post, "/write/k/v", headers: ["if-match": "\"3\""])
        _ = await endpoints.ask(.post, "/write/k/v", headers: ["If-None-Match": "*"])
        _ = await endpoints.ask(.delete, "/delete/k", headers: ["If-Match": "*"])
        #expect(endpoints.store.changes.map(\.precondition) == [.versionIs([3]), .absent, .exists])
        try expect(
            await endpoints.ask(.post, "/write/k/v", headers: ["If-Match": "3"]), 400, "bad_precondition")
        #expect(endpoints.store.changes.count == 3)
    }

    @Test(arguments: [(#"W/"8""#, true), (#""v8""#, true), (#""7""#, false), (#"W/"8", "7""#, false)])
    func anUnsatisfiableConditionIsExplained(_ field: String, isHopeless: Bool) async throws {
        let endpoints = try CPEndpoints()
        endpoints.store.onChange = { _ in .preconditionFailed(version: 8, exists: true) }
        endpoints.store.onRead = { _ in
            ReadResult(value: [], version: 8)
        }
        for (method, target) in [(HTTP.Method.post, "/write/k/v"), (.delete, "/delete/k"), (.get, "/read/k")] {
            let response = await endpoints.ask(method, target, headers: ["If-Match": field])
            try expect(response, 412, "precondition_failed")
            let detail = try #require(text(response.members["detail"]))
            #expect(detail.contains("can ever match: If-Match takes") == isHopeless, "\(detail)")
        }
    }

    @Test func aReadOfAKnownVersionGets304() async throws {
        let endpoints = try CPEndpoints()
        let same = await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "\"6\", W/\"7\""])
        #expect(same.status == 304)
        #expect(!same.body.isEmpty, "its length is that of the 200; the server omits it")
        #expect(same.header("ETag") == "\"7\"")
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "\"6\""]).status == 200)
        try expect(await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "6"]), 400, "bad_precondition")
    }

    @Test func eachRepresentationHasItsOwnETag() async throws {
        let endpoints = try CPEndpoints()
        let octets = ["Accept": "application/octet-stream"]
        for (headers, own, other) in [([:], "\"7\"", "\"7-bytes\""), (octets, "\"7-bytes\"", "\"7\"")] {
            let read = await endpoints.ask(.get, "/read/k", headers: headers)
            #expect(read.header("ETag") == own)
            #expect(read.isNegotiated)
            func conditional(_ tag: String) async -> Response {
                await endpoints.ask(.get, "/read/k", headers: headers.merging(["If-None-Match": tag]) { $1 })
            }
            #expect(await conditional(own).status == 304)
            #expect(await conditional(other).status == 200)
            #expect(await endpoints.ask(.post, "/write/k/v", headers: ["If-Match": own]).status == 200)
        }
        let versions = endpoints.store.changes.map(\.precondition)
        #expect(versions == [.versionIs([7]), .versionIs([7])])
    }

    @Test func aReadWithAnotherVersionFails() async throws {
        let endpoints = try CPEndpoints()
        let other = await endpoints.ask(.get, "/read/k", headers: ["If-Match": "\"6\""])
        try expect(other, 412, "precondition_failed")
        #expect(other.header("ETag") == "\"7\"")
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-Match": "\"6\", \"7\""]).status == 200)
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-Match": "*"]).status == 200)
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "*"]).status == 304)
        endpoints.store.onRead = { _ in
            ReadResult(value: nil, version: 0)
        }
        for field in ["If-Match", "If-None-Match"] {
            try expect(await endpoints.ask(.get, "/read/k", headers: [field: "*"]), 404, "key_not_found")
        }
    }

    @Test func aSessionTokenIsIgnored() async throws {
        let endpoints = try CPEndpoints()
        let answer = await endpoints.ask(.get, "/read/k", headers: ["X-Session-Token": "t"])
        #expect(answer.status == 200)
        #expect(answer.header("X-Session-Token") == nil)
    }

    @Test func aContextAtAppCPIsNotSupported() async throws {
        let endpoints = try CPEndpoints()
        for (method, target) in [(HTTP.Method.post, "/write/k/v"), (.delete, "/delete/k"), (.get, "/read/k")] {
            try expect(await endpoints.ask(method, target, headers: ["X-Context": "c"]), 400, "not_supported")
        }
        #expect(endpoints.store.changes.isEmpty && endpoints.store.reads.isEmpty)
    }

    @Test func aFailedPreconditionIsCountedAndLogged() async throws {
        let endpoints = try CPEndpoints()
        endpoints.store.onChange = { _ in .preconditionFailed(version: 0, exists: false) }
        let response = await endpoints.ask(.post, "/write/k/v", headers: ["If-Match": "*"])
        try expect(response, 412, "precondition_failed")
        let members = try response.members
        #expect(text(members["outcome"]) == "not_applied")
        #expect(text(members["version"]) == "0")
        #expect(text(members["detail"]) == "there is no such key; If-None-Match: * creates it")
        #expect(response.header("ETag") == "\"0\"")
        #expect(endpoints.refusals(.preconditionFailed) == 1)
        #expect(endpoints.notes.map { $0["outcome"] } == ["not_applied"])
    }
}
