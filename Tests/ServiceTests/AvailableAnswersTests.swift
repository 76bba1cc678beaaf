import Available
import HTTP
import Replication
import Testing

@testable import AppAP
@testable import Service

@Suite(.timeLimit(.minutes(20))) struct AvailableAnswersTests {
    private let request = KeyRequest.of(Bytes("k".utf8))
    private let asBytes = KeyRequest.of(Bytes("k".utf8), accept: ContentType.octets)

    @Test func aReadHasItsReplicaAndConflicts() throws {
        var result = ReadResult(value: Bytes("a".utf8), version: "c1", stalenessMs: nil, isStale: true)
        result.replica = "g3"
        result.expiresMs = 1_234
        result.conflicts = [Bytes("a".utf8), nil, [0xFF]]
        let response = AvailableAnswers.found(result.value ?? [], result, request)
        #expect(response.header("ETag") == nil, "a context is no entity tag")
        let text = response.text
        #expect(text.contains(#""version":"c1","staleness_ms":null,"stale":true,"expires_ms":1234,"replica":"g3""#))
        #expect(text.contains(#""conflicts":["a",null,{"base64":"/w=="}]"#))
        _ = try response.members
    }

    @Test func bytesHaveTheirMetadataInHeaderFields() {
        var result = ReadResult(value: [0, 0xFF], version: "c1", stalenessMs: 12, isStale: false)
        result.replica = "g2"
        #expect(AvailableAnswers.found(result.value ?? [], result, asBytes).header("X-Context") == "c1")
        result.conflicts = [[0], [1]]
        let response = AvailableAnswers.found(result.value ?? [], result, asBytes)
        #expect(response.contentType == "application/octet-stream")
        #expect(response.body == [0, 0xFF])
        // `X-Context` would cover a value that this answer does not show.
        #expect(response.header("X-Context") == nil)
        #expect(response.header("X-Staleness-Ms") == "12")
        #expect(response.header("X-Stale") == "false")
        #expect(response.header("X-Conflicts") == "2")
        #expect(response.header("X-Replica") == "g2")
    }

    @Test func bytesOfUnknownAgeAreMarked() {
        let result = ReadResult(value: [], version: "c", stalenessMs: nil, isStale: true)
        let response = AvailableAnswers.found(result.value ?? [], result, asBytes)
        #expect(response.header("X-Staleness-Ms") == "unknown")
        #expect(response.header("X-Stale") == "true")
    }

    @Test func aTooLongContextIsOnlyInTheBody() throws {
        let context = String(repeating: "c", count: 5_000)
        let result = ReadResult(value: [], version: context, stalenessMs: 0, isStale: false)
        #expect(AvailableAnswers.found(result.value ?? [], result, asBytes).header("X-Context") == nil)
        let members = try AvailableAnswers.found(result.value ?? [], result, request).members
        #expect(text(members["version"]) == context)
    }

    @Test func aChangeListsTheValuesItOverwroteUnseen() {
        var result = ChangeResult(version: "c2", replicasAcked: 1, existed: true)
        result.replica = "g1"
        #expect(AvailableAnswers.applied(result, request).text.contains(#""replica":"g1","overwritten":[]"#))
        #expect(!AvailableAnswers.applied(result, request).text.contains("conflicts"))
        result.conflicts = [Bytes("mine".utf8), Bytes("theirs".utf8)]
        #expect(AvailableAnswers.applied(result, request).text.contains(#""conflicts":["mine","theirs"]"#))
        result.overwritten = [Bytes("old".utf8), nil]
        #expect(AvailableAnswers.applied(result, request).text.contains(#""overwritten":["old",null]"#))
    }

    @Test func anAppliedChangeWithTooFewAcknowledgementsHasItsResult() throws {
        var failure = AvailableFailure(.insufficientAcks, "why", outcome: .applied)
        var applied = ChangeResult(version: "c1", replicasAcked: 1, existed: true)
        applied.session.token = "token"
        applied.session.isGuaranteed = true
        applied.conflicts = [Bytes("red".utf8), nil]
        applied.overwritten = [Bytes("blue".utf8)]
        failure.applied = applied
        let response = EngineRefusal(failure).problem.response
        let members = try response.members
        #expect(response.header("X-Session-Token") == "token")
        #expect(text(members["version"]) == "c1")
        #expect(text(members["session"]) == "guaranteed")
        let body = String(decoding: response.body, as: UTF8.self)
        #expect(body.contains(#""conflicts":["red",null]"#))
        #expect(body.contains(#""overwritten":["blue"]"#))
    }

    @Test func failuresHaveTheirAcknowledgementsOrStaleness() throws {
        var failure = AvailableFailure(.insufficientAcks, "why", outcome: .applied)
        failure.applied = ChangeResult(version: "c1", replicasAcked: 1, existed: true)
        #expect(try text(EngineRefusal(failure).problem.response.members["replicas_acked"]) == "1")
        failure = AvailableFailure(.tooStale, "why")
        failure.stalenessMs = 77
        #expect(try text(EngineRefusal(failure).problem.response.members["staleness_ms"]) == "77")
    }
}
