import EventLoop
import HTTP
import Replication
import Testing

@testable import Service

private func expect(
    _ response: Response, _ status: Int, _ code: String, _ location: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, sourceLocation: location)
    #expect(response.contentType == "application/problem+json", sourceLocation: location)
    let members = try response.members
    #expect(text(members["code"]) == code, sourceLocation: location)
}

struct Writing {
    @Test func takesTheValueFromThePath() async throws {
        let endpoints = try Endpoints()
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

    @Test func takesTheValueFromTheBody() async throws {
        let endpoints = try Endpoints()
        for target in ["/write/k", "/write/k/"] {
            #expect(await endpoints.ask(.post, target, body: [0, 1, 2]).status == 200)
        }
        #expect(endpoints.store.changes.map(\.kind) == [.write([0, 1, 2]), .write([0, 1, 2])])
    }

    @Test func takesAnEmptyValue() async throws {
        let endpoints = try Endpoints()
        for target in ["/write/k", "/write/k/"] { #expect(await endpoints.ask(.post, target).status == 200) }
        #expect(endpoints.store.changes.map(\.kind) == [.write([]), .write([])])
    }

    @Test func refusesAValueInBothPlaces() async throws {
        let endpoints = try Endpoints()
        try expect(await endpoints.ask(.post, "/write/k/v", body: [1]), 400, "ambiguous_value")
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test func refusesAValueThatIsTooLong() async throws {
        let endpoints = try Endpoints()
        let max = Endpoints.maxValueBytes
        #expect(await endpoints.ask(.post, "/write/k", body: Bytes(repeating: 1, count: max)).status == 200)
        try expect(
            await endpoints.ask(.post, "/write/k", body: Bytes(repeating: 1, count: max + 1)), 413, "value_too_large")
        try expect(
            await endpoints.ask(.post, "/write/k/" + String(repeating: "v", count: max + 1)), 413, "value_too_large")
        #expect(endpoints.maxBodyBytes(.post, "/write/k") == max, "the server stops reading there")
        #expect(endpoints.store.changes.count == 1)
    }

    @Test(arguments: ["1", "60000", "315360000000"])
    func takesATimeToLive(_ ttl: String) async throws {
        let endpoints = try Endpoints()
        #expect(await endpoints.ask(.post, "/write/k/v?ttl_ms=\(ttl)").status == 200)
        #expect(endpoints.store.changes.first?.ttlMs == Int64(ttl))
    }

    @Test(arguments: [
        "", "0", "-1", "1.5", "1e3", "abc", "315360000001", "99999999999999999999", "%2B1", "+1", "1%200",
    ])
    func refusesATimeToLiveThatIsNone(_ ttl: String) async throws {
        let endpoints = try Endpoints()
        try expect(await endpoints.ask(.post, "/write/k/v?ttl_ms=\(ttl)"), 400, "bad_ttl_ms")
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test func refusesAQueryThatIsNotPercentEncoding() async throws {
        try expect(await Endpoints().ask(.post, "/write/k/v?ttl_ms=%g"), 400, "bad_encoding")
    }

    @Test(arguments: ["ttl=5", "ttl_ms=5&x", "TTL_MS=5", "ttl_ms%00=5", "=5", "max_staleness_ms=5", "ttl_ms=5&ttl=5"])
    func refusesAParameterThatItDoesNotKnowAndNamesThoseItKnows(_ query: String) async throws {
        let endpoints = try Endpoints()
        for target in ["/write/k/v", "/write/k"] {
            let response = await endpoints.ask(.post, "\(target)?\(query)")
            try expect(response, 400, "unknown_parameter")
            #expect(try text(response.members["detail"])?.contains("ttl_ms, require_session") == true)
            #expect(try text(response.members["outcome"]) == "not_applied")
        }
        #expect(endpoints.store.changes.isEmpty)
    }

    @Test func passesThePreconditionOn() async throws {
        let endpoints = try Endpoints()
        _ = await endpoints.ask(.post, "/write/k/v", headers: ["if-match": "\"3\""])
        _ = await endpoints.ask(.post, "/write/k/v", headers: ["If-None-Match": "*"])
        _ = await endpoints.ask(.delete, "/delete/k", headers: ["If-Match": "*"])
        #expect(endpoints.store.changes.map(\.precondition) == [.versionIs([3]), .absent, .exists])
        try expect(
            await endpoints.ask(.post, "/write/k/v", headers: ["If-Match": "3"]), 400, "bad_precondition")
        #expect(endpoints.store.changes.count == 3)
    }

    @Test(arguments: [(#"W/"8""#, true), (#""v8""#, true), (#""7""#, false), (#"W/"8", "7""#, false)])
    func aConditionThatNoVersionCanMeetIsToldSo(_ field: String, isHopeless: Bool) async throws {
        let endpoints = try Endpoints()
        endpoints.store.onChange = { _ throws(StoreFailure) in
            throw StoreFailure(.preconditionFailed, "the current version is 8", outcome: .notApplied)
        }
        endpoints.store.onRead = { _ in
            ReadResult(value: [], version: .counter(8), stalenessMs: 0, isStale: false)
        }
        for (method, target) in [(HTTP.Method.post, "/write/k/v"), (.delete, "/delete/k"), (.get, "/read/k")] {
            let response = await endpoints.ask(method, target, headers: ["If-Match": field])
            try expect(response, 412, "precondition_failed")
            let detail = try #require(text(response.members["detail"]))
            #expect(detail.contains("can ever match: If-Match takes") == isHopeless, "\(detail)")
        }
    }

    @Test func answersARefusalWithItsOutcomeAndNotesIt() async throws {
        let endpoints = try Endpoints()
        endpoints.store.onChange = { _ throws(StoreFailure) in throw StoreFailure(.noQuorum, "why", outcome: .unknown) }
        let response = await endpoints.ask(.post, "/write/k/v")
        try expect(response, 503, "no_quorum")
        #expect(try text(response.members["outcome"]) == "unknown")
        #expect(endpoints.notes.map(\.failure?.code) == [.noQuorum])
        #expect(endpoints.refusals == [.noQuorum])
    }

    @Test func notesWhatWasApplied() async throws {
        let endpoints = try Endpoints()
        _ = await endpoints.ask(.post, "/write/k/v")
        #expect(endpoints.notes.map(\.change.key) == [Bytes("k".utf8)])
        #expect(endpoints.notes.first.map { $0.failure == nil } == true)
    }
}

struct Deleting {
    @Test func asksForADelete() async throws {
        let endpoints = try Endpoints()
        let response = await endpoints.ask(.delete, "/delete/k")
        #expect(response.status == 200)
        #expect(try text(response.members["outcome"]) == "applied")
        #expect(endpoints.store.changes.map(\.kind) == [.delete])
    }

    @Test func ofWhatIsNotThereIs404() async throws {
        let endpoints = try Endpoints()
        endpoints.store.onChange = { _ in ChangeResult(version: .counter(4), replicasAcked: 2, existed: false) }
        let response = await endpoints.ask(.delete, "/delete/k")
        try expect(response, 404, "key_not_found")
        #expect(try text(response.members["outcome"]) == "not_applied")
        #expect(try text(response.members["version"]) == "4")
    }
}

struct Reading {
    @Test func answersJSONUnlessTheClientNamesBytes() async throws {
        let endpoints = try Endpoints()
        for accept in ["*/*", "application/json", "text/html,*/*;q=0.8"] {
            let response = await endpoints.ask(.get, "/read/k", headers: ["Accept": accept])
            #expect(response.contentType == "application/json")
            #expect(response.header("ETag") == "\"7\"")
        }
        let response = await endpoints.ask(.get, "/read/k", headers: ["Accept": "application/octet-stream"])
        #expect(response.contentType == "application/octet-stream")
        #expect(response.body == Bytes("v".utf8))
        #expect(response.header("ETag") == "\"7\"")
    }

    @Test func ofWhatIsNotThereIs404WithVersionAndAge() async throws {
        let endpoints = try Endpoints(.ap)
        endpoints.store.onRead = { _ in
            ReadResult(value: nil, version: .context("empty"), stalenessMs: 5, isStale: false)
        }
        let response = await endpoints.ask(.get, "/read/k")
        try expect(response, 404, "key_not_found")
        let members = try response.members
        #expect(text(members["version"]) == "empty")
        #expect(text(members["staleness_ms"]) == "5")
        #expect(members["stale"] != nil)
    }

    @Test func ofADeleteWithOlderValuesBesideItIs404AndShowsThemAll() async throws {
        let endpoints = try Endpoints(.ap)
        endpoints.store.onRead = { _ in
            var result = ReadResult(value: nil, version: .context("seen"), stalenessMs: 5, isStale: false)
            result.conflicts = [nil, Bytes("left".utf8), [0xFF]]
            return result
        }
        let response = await endpoints.ask(.get, "/read/k")
        try expect(response, 404, "key_not_found")
        #expect(
            String(decoding: response.body, as: UTF8.self)
                .contains("\"conflicts\":[null,\"left\",{\"base64\":\"/w==\"}]"))
    }

    @Test func passesTheBoundOfStalenessOn() async throws {
        let endpoints = try Endpoints(.ap)
        _ = await endpoints.ask(.get, "/read/k?max_staleness_ms=0")
        _ = await endpoints.ask(.get, "/read/k?require_session=false&max_staleness_ms=250")
        _ = await endpoints.ask(.get, "/read/k")
        #expect(endpoints.store.reads.map(\.maxStalenessMs) == [0, 250, nil])
        try expect(await endpoints.ask(.get, "/read/k?max_staleness_ms=-1"), 400, "bad_max_staleness_ms")
        try expect(await endpoints.ask(.get, "/read/k?max_staleness_ms="), 400, "bad_max_staleness_ms")
    }

    @Test func answers304WhereTheClientHasThatVersion() async throws {
        let endpoints = try Endpoints()
        let same = await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "\"6\", W/\"7\""])
        #expect(same.status == 304)
        #expect(same.body.isEmpty)
        #expect(same.header("ETag") == "\"7\"")
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "\"6\""]).status == 200)
        try expect(await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "6"]), 400, "bad_precondition")
    }

    @Test(arguments: [
        ("/write/k/v?ttl_ms=x", [:]), ("/write/%zz/v", [:]), ("/write/k/v", ["If-Match": "x"]),
        ("/write/k/v", ["X-Context": "c"]),
    ])
    func aChangeThatIsABadRequestSaysThatItWasNotApplied(target: String, headers: [String: String]) async throws {
        let endpoints = try Endpoints()
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
    func theBytesAreSentToWhomeverNamesTheirType(accept: String, isBytes: Bool) async throws {
        let answer = await (try Endpoints()).ask(.get, "/read/k", headers: ["Accept": accept])
        #expect((answer.body == Array("v".utf8)) == isBytes)
    }

    @Test func aReadOfAVersionThatIsNotCurrentFails() async throws {
        let endpoints = try Endpoints()
        let other = await endpoints.ask(.get, "/read/k", headers: ["If-Match": "\"6\""])
        try expect(other, 412, "precondition_failed")
        #expect(other.header("ETag") == "\"7\"")
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-Match": "\"6\", \"7\""]).status == 200)
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-Match": "*"]).status == 200)
        #expect(await endpoints.ask(.get, "/read/k", headers: ["If-None-Match": "*"]).status == 304)
        endpoints.store.onRead = { _ in
            ReadResult(value: nil, version: .counter(0), stalenessMs: 0, isStale: false)
        }
        for field in ["If-Match", "If-None-Match"] {
            try expect(await endpoints.ask(.get, "/read/k", headers: [field: "*"]), 404, "key_not_found")
        }
    }

    @Test func pastTheRateEveryoneIsAskedToComeLater() async throws {
        let endpoints = try Endpoints(.cp, ["MAX_REQUESTS_PER_SEC": "2"])
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

    @Test func answersARefusalWithoutOutcome() async throws {
        let endpoints = try Endpoints()
        endpoints.store.onRead = { _ throws(StoreFailure) in throw StoreFailure(.timeout, "why") }
        let response = await endpoints.ask(.get, "/read/k")
        try expect(response, 504, "timeout")
        #expect(try response.members["outcome"] == nil)
        #expect(endpoints.notes.isEmpty)
        #expect(endpoints.refusals == [.timeout])
    }
}

struct BadInput {
    @Test(arguments: [ServiceMode.cp, .ap])
    func aParameterOfAnotherEndpointIsUnknown(_ mode: ServiceMode) async throws {
        let endpoints = try Endpoints(mode)
        try expect(await endpoints.ask(.get, "/read/k?ttl_ms=5"), 400, "unknown_parameter")
        try expect(await endpoints.ask(.head, "/read/k?ttl_ms=5"), 400, "unknown_parameter")
        try expect(await endpoints.ask(.delete, "/delete/k?ttl_ms=5"), 400, "unknown_parameter")
        #expect(await endpoints.ask(.get, "/read/k?max_staleness_ms=5&require_session=false").status == 200)
        #expect(await endpoints.ask(.delete, "/delete/k?require_session=true").status == 200)
        #expect(endpoints.store.changes.count == 1 && endpoints.store.reads.count == 1)
    }

    private static let requests: [(HTTP.Method, String, String)] = [
        (.get, "/read/", ""), (.delete, "/delete/", ""), (.post, "/write/", ""), (.post, "/write/", "/v"),
    ]

    @Test(arguments: [0, 1, 2, 3])
    func anEmptyKeyIsRefused(_ index: Int) async throws {
        let (method, before, after) = Self.requests[index]
        try expect(await Endpoints().ask(method, before + after), 400, "bad_key")
    }

    @Test(arguments: [0, 1, 2, 3])
    func aKeyHas512BytesAtMostAfterDecoding(_ index: Int) async throws {
        let (method, before, after) = Self.requests[index]
        let longest = String(repeating: "%41", count: 512)
        #expect(try await Endpoints().ask(method, before + longest + after).status == 200)
        try expect(await Endpoints().ask(method, before + longest + "A" + after), 400, "bad_key")
    }

    @Test(arguments: [0, 1, 2, 3], ["%", "a%2", "%zz", "%4", "a%%41"])
    func aKeyThatIsNotPercentEncodingIsRefused(_ index: Int, _ key: String) async throws {
        let (method, before, after) = Self.requests[index]
        try expect(await Endpoints().ask(method, before + key + after), 400, "bad_key")
    }

    @Test func aValueThatIsNotPercentEncodingIsRefused() async throws {
        try expect(await Endpoints().ask(.post, "/write/k/%zz"), 400, "bad_encoding")
    }

    @Test(arguments: [
        (HTTP.Method.get, "/write/k/v"), (.post, "/read/k"), (.get, "/delete/k"), (.put, "/write/k"),
        (.other("BREW"), "/read/k"),
    ])
    func anotherMethodIs405WithAllow(_ method: HTTP.Method, _ target: String) async throws {
        let endpoints = try Endpoints()
        let response = await endpoints.ask(method, target)
        try expect(response, 405, "method_not_allowed")
        #expect(response.header("Allow") != nil)
        #expect(try text(response.members["outcome"]) == (method == .get ? nil : "not_applied"))
        #expect(endpoints.store.reads.isEmpty && endpoints.store.changes.isEmpty)
    }

    @Test(arguments: ["/", "/read", "/read/a/b", "/write/a/b/c", "/READ/k", "/read/k/"])
    func anotherPathIs404(_ target: String) async throws {
        try expect(await Endpoints().ask(.get, target), 404, "not_found")
    }

    @Test(arguments: [
        (HTTP.Method.get, "/read/a/b"), (.post, "/write/a/b/c"), (.delete, "/delete/a/"), (.get, "/read/a/b/c/d?x=1"),
    ])
    func aKeyWithASlashIsToldHowToSendIt(_ method: HTTP.Method, _ target: String) async throws {
        let response = await (try Endpoints()).ask(method, target)
        try expect(response, 404, "not_found")
        let detail = try text(response.members["detail"])
        #expect(detail == "there is nothing at this path; a / in a key or value is sent as %2F")
        #expect(try text(response.members["outcome"]) == (method == .get ? nil : "not_applied"))
    }

    @Test(arguments: ["/", "/read", "/write", "/no/such/path"])
    func aPathThatIsNoneOfOursIsNotExplained(_ target: String) async throws {
        let response = await (try Endpoints()).ask(.get, target)
        #expect(try text(response.members["detail"]) == "there is nothing at this path")
    }
}

struct Sessions {
    @Test func theTokenIsPassedOnAndANewOneComesBack() async throws {
        let endpoints = try Endpoints(.ap)
        endpoints.store.onRead = { _ in
            var result = ReadResult(value: Bytes("v".utf8), version: .context("c"), stalenessMs: 0, isStale: false)
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
            var result = ChangeResult(version: .context("c"), replicasAcked: 1, existed: false)
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

    @Test func whatCannotBeGuaranteedAndWhatIsForgedAreToldApart() async throws {
        let endpoints = try Endpoints(.ap)
        endpoints.store.onRead = { _ throws(StoreFailure) in throw StoreFailure(.sessionUnmet, "why") }
        try expect(await endpoints.ask(.get, "/read/k?require_session=true"), 412, "session_unmet")
        endpoints.store.onRead = { _ throws(StoreFailure) in throw StoreFailure(.badToken, "why") }
        try expect(await endpoints.ask(.get, "/read/k"), 400, "bad_token")
        try expect(await endpoints.ask(.get, "/read/k?require_session=yes"), 400, "bad_require_session")
    }

    @Test func onAppCPEveryReadIsWhatASessionAsksFor() async throws {
        let endpoints = try Endpoints(.cp)
        let answer = await endpoints.ask(.get, "/read/k?require_session=true", headers: ["X-Session-Token": "t"])
        #expect(answer.status == 200)
        #expect(answer.header("X-Session-Token") == nil)
        #expect(endpoints.store.reads[0].session == SessionRequest())
    }
}

struct WhatTheOtherServiceHas {
    @Test(arguments: ["If-Match", "If-None-Match"])
    func aPreconditionAtAppAPIsNotSupported(_ field: String) async throws {
        let endpoints = try Endpoints(.ap)
        for (method, target) in [(HTTP.Method.post, "/write/k/v"), (.delete, "/delete/k"), (.get, "/read/k")] {
            try expect(await endpoints.ask(method, target, headers: [field: "\"1\""]), 400, "not_supported")
        }
        #expect(endpoints.store.changes.isEmpty && endpoints.store.reads.isEmpty)
    }

    @Test func aContextAtAppCPIsNotSupported() async throws {
        let endpoints = try Endpoints(.cp)
        for (method, target) in [(HTTP.Method.post, "/write/k/v"), (.delete, "/delete/k"), (.get, "/read/k")] {
            try expect(await endpoints.ask(method, target, headers: ["X-Context": "c"]), 400, "not_supported")
        }
        #expect(endpoints.store.changes.isEmpty && endpoints.store.reads.isEmpty)
    }

    @Test func aContextAtAppAPIsPassedOn() async throws {
        let endpoints = try Endpoints(.ap)
        _ = await endpoints.ask(.post, "/write/k/v", headers: ["X-Context": "c"])
        #expect(endpoints.store.changes.map(\.context) == ["c"])
    }
}
