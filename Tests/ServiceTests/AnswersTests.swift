import Foundation
import HTTP
import Replication
import Testing

@testable import Service

private func json(_ response: Response) -> String { String(decoding: response.body, as: UTF8.self) }

struct AnswersToReads {
    private let key = Bytes("k".utf8)

    @Test func ofAppCPHaveAnETagAndNoStaleness() {
        let result = ReadResult(value: Bytes("hello".utf8), version: .counter(7), stalenessMs: 0, isStale: false)
        let response = Answers.found(result, key: key, mode: .cp, wantsBytes: false)
        #expect(response.status == 200)
        #expect(response.contentType == "application/json")
        #expect(response.header("ETag") == "\"7\"")
        #expect(
            json(response).trimmingCharacters(in: .newlines)
                == #"{"mode":"cp","key":"k","value":"hello","encoding":"utf-8","version":7,"staleness_ms":0,"stale":false}"#
        )
    }

    @Test func ofAppAPTellWhoAnsweredAndWhatIsInConflict() throws {
        var result = ReadResult(value: Bytes("a".utf8), version: .context("c1"), stalenessMs: nil, isStale: true)
        result.replica = "g3"
        result.expiresMs = 1_234
        result.conflicts = [Bytes("a".utf8), nil, [0xFF]]
        let response = Answers.found(result, key: key, mode: .ap, wantsBytes: false)
        #expect(response.header("ETag") == nil, "a context is no entity tag")
        let text = json(response)
        #expect(text.contains(#""version":"c1","staleness_ms":null,"stale":true,"expires_ms":1234,"replica":"g3""#))
        #expect(text.contains(#""conflicts":["a",null,{"base64":"/w=="}]"#))
        _ = try response.members
    }

    @Test(arguments: [
        Bytes([0xFF]), [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82],
    ])
    func whatIsNotUTF8IsBase64(_ bytes: Bytes) throws {
        let result = ReadResult(value: bytes, version: .counter(1), stalenessMs: 0, isStale: false)
        let members = try Answers.found(result, key: bytes, mode: .cp, wantsBytes: false).members
        #expect(text(members["encoding"]) == "base64")
        #expect(text(members["value"]).flatMap { Data(base64Encoded: $0) } == Data(bytes))
        #expect(text(members["key_encoding"]) == "base64")
        #expect(text(members["key"]).flatMap { Data(base64Encoded: $0) } == Data(bytes))
    }

    @Test(arguments: ["", "\u{0}", "\"\\\n\r\t\u{1f}", "ä€😀", "</script>", "\u{7f}\u{2028}"])
    func whatIsUTF8ComesBackAsItIs(_ value: String) throws {
        let result = ReadResult(value: Bytes(value.utf8), version: .counter(1), stalenessMs: 0, isStale: false)
        let members = try Answers.found(result, key: key, mode: .cp, wantsBytes: false).members
        #expect(text(members["value"]) == value)
        #expect(text(members["encoding"]) == "utf-8")
        #expect(members["key_encoding"] == nil)
    }

    @Test func asBytesHaveTheirMetadataInHeaderFields() {
        var result = ReadResult(value: [0, 0xFF], version: .context("c1"), stalenessMs: 12, isStale: false)
        result.replica = "g2"
        #expect(Answers.found(result, key: key, mode: .ap, wantsBytes: true).header("X-Context") == "c1")
        result.conflicts = [[0], [1]]
        let response = Answers.found(result, key: key, mode: .ap, wantsBytes: true)
        #expect(response.contentType == "application/octet-stream")
        #expect(response.body == [0, 0xFF])
        // It would cover a value that this answer does not show.
        #expect(response.header("X-Context") == nil)
        #expect(response.header("X-Staleness-Ms") == "12")
        #expect(response.header("X-Stale") == "false")
        #expect(response.header("X-Conflicts") == "2")
        #expect(response.header("X-Replica") == "g2")
    }

    @Test func asBytesOfUnknownAgeSaySo() {
        let result = ReadResult(value: [], version: .context("c"), stalenessMs: nil, isStale: true)
        let response = Answers.found(result, key: key, mode: .ap, wantsBytes: true)
        #expect(response.header("X-Staleness-Ms") == "unknown")
        #expect(response.header("X-Stale") == "true")
    }

    @Test func aContextTooLongForAHeaderFieldIsInTheBodyOnly() throws {
        let context = String(repeating: "c", count: 5_000)
        let result = ReadResult(value: [], version: .context(context), stalenessMs: 0, isStale: false)
        #expect(Answers.found(result, key: key, mode: .ap, wantsBytes: true).header("X-Context") == nil)
        let members = try Answers.found(result, key: key, mode: .ap, wantsBytes: false).members
        #expect(text(members["version"]) == context)
    }

    @Test func ofNothingTellVersionAndAgeAllTheSame() throws {
        let result = ReadResult(value: nil, version: .counter(3), stalenessMs: nil, isStale: true)
        let response = Answers.noSuchKey(result).response
        #expect(response.status == 404)
        #expect(response.contentType == "application/problem+json")
        #expect(response.header("ETag") == "\"3\"")
        let members = try response.members
        #expect(text(members["code"]) == "key_not_found")
        #expect(text(members["title"]) == "Not Found")
        #expect(text(members["status"]) == "404")
        #expect(text(members["version"]) == "3")
        #expect(members["staleness_ms"] is NSNull)
        #expect(json(response).contains(#""stale":true"#))
        #expect(members["outcome"] == nil, "a read has none")
    }
}

struct AnswersToChanges {
    @Test func tellWhatIsKnown() {
        let result = ChangeResult(version: .counter(8), replicasAcked: 2, existed: true)
        let response = Answers.changed(result, key: Bytes("k".utf8), mode: .cp)
        #expect(response.header("ETag") == "\"8\"")
        #expect(
            json(response).trimmingCharacters(in: .newlines)
                == #"{"mode":"cp","key":"k","version":8,"outcome":"applied","replicas_acked":2}"#)
    }

    @Test func ofAppAPListWhatTheyReplacedUnseen() {
        var result = ChangeResult(version: .context("c2"), replicasAcked: 1, existed: true)
        result.replica = "g1"
        #expect(json(Answers.changed(result, key: [1], mode: .ap)).contains(#""replica":"g1","overwritten":[]"#))
        #expect(!json(Answers.changed(result, key: [1], mode: .ap)).contains("conflicts"))
        result.conflicts = [Bytes("mine".utf8), Bytes("theirs".utf8)]
        #expect(json(Answers.changed(result, key: [1], mode: .ap)).contains(#""conflicts":["mine","theirs"]"#))
        result.overwritten = [Bytes("old".utf8), nil]
        #expect(json(Answers.changed(result, key: [1], mode: .ap)).contains(#""overwritten":["old",null]"#))
    }

    @Test func ofADeleteOfNothingAre404AndNotApplied() throws {
        let response = Answers.nothingToDelete(
            ChangeResult(version: .counter(4), replicasAcked: 1, existed: false)
        ).response
        let members = try response.members
        #expect(response.status == 404)
        #expect(text(members["outcome"]) == "not_applied")
        #expect(text(members["version"]) == "4")
    }
}

struct AnswersToFailures {
    @Test(arguments: [
        (StoreFailure.Code.noQuorum, 503), (.noReplica, 503), (.replicasBlank, 503), (.rebuilding, 503),
        (.insufficientAcks, 503), (.overloaded, 503), (.badReply, 503), (.replicaFull, 503), (.timeout, 504),
        (.preconditionFailed, 412), (.tooStale, 412), (.tooManySiblings, 409), (.badContext, 400),
    ])
    func areProblemsWithCodeAndOutcome(_ code: StoreFailure.Code, _ status: Int) throws {
        let response = Problem(StoreFailure(code, "why", outcome: .unknown)).response
        let members = try response.members
        #expect(response.status == status)
        #expect(response.contentType == "application/problem+json")
        #expect(text(members["status"]) == "\(status)")
        #expect(text(members["title"]) == Response.reason(status))
        #expect(text(members["code"]) == code.rawValue)
        #expect(text(members["detail"]) == "why")
        #expect(text(members["outcome"]) == "unknown")
        // What may pass says when to try again; what will not does not.
        #expect((response.header("Retry-After") != nil) == (status >= 500))
    }

    @Test func ofReadsHaveNoOutcome() throws {
        #expect(try Problem(StoreFailure(.noQuorum, "why")).response.members["outcome"] == nil)
    }

    @Test func ofAPreconditionTellTheCurrentVersion() throws {
        var failure = StoreFailure(.preconditionFailed, "why", outcome: .notApplied)
        failure.currentVersion = .counter(9)
        let response = Problem(failure).response
        #expect(response.header("ETag") == "\"9\"")
        #expect(try text(response.members["version"]) == "9")
    }

    @Test func ofAChangeThatIsInAllTheSameTellWhatItCameTo() throws {
        var failure = StoreFailure(.insufficientAcks, "why", outcome: .applied)
        var applied = ChangeResult(version: .context("c1"), replicasAcked: 1, existed: true)
        applied.session.token = "token"
        applied.session.isGuaranteed = true
        applied.conflicts = [Bytes("red".utf8), nil]
        applied.overwritten = [Bytes("blue".utf8)]
        failure.applied = applied
        let response = Problem(failure).response
        let members = try response.members
        #expect(response.header("X-Session-Token") == "token")
        #expect(text(members["version"]) == "c1")
        #expect(text(members["session"]) == "guaranteed")
        let body = String(decoding: response.body, as: UTF8.self)
        #expect(body.contains(#""conflicts":["red",null]"#))
        #expect(body.contains(#""overwritten":["blue"]"#))
    }

    @Test func tellHowFarTheyCame() throws {
        var failure = StoreFailure(.insufficientAcks, "why", outcome: .unknown)
        failure.replicasAcked = 1
        failure.stalenessMs = 77
        let members = try Problem(failure).response.members
        #expect(text(members["replicas_acked"]) == "1")
        #expect(text(members["staleness_ms"]) == "77")
    }
}
