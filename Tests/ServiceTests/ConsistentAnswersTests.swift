import Consistent
import Foundation
import HTTP
import Replication
import Testing

@testable import AppCP
@testable import Service

@Suite(.timeLimit(.minutes(20))) struct ConsistentAnswersTests {
    private let request = KeyRequest.of(Bytes("k".utf8))
    private let asBytes = KeyRequest.of(Bytes("k".utf8), accept: ContentType.octets)

    @Test func aReadHasAnETagAndNoStaleness() {
        let result = ReadResult(value: Bytes("hello".utf8), version: 7)
        let response = ConsistentAnswers.found(result.value ?? [], result, request)
        #expect(response.status == 200)
        #expect(response.contentType == "application/json")
        #expect(response.header("ETag") == "\"7\"")
        #expect(
            response.text.trimmingCharacters(in: .newlines)
                == #"{"mode":"cp","key":"k","value":"hello","encoding":"utf-8","version":7,"staleness_ms":0,"stale":false}"#
        )
    }

    @Test(arguments: [
        Bytes([0xFF]), [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82],
    ])
    func invalidUTF8IsBase64(_ bytes: Bytes) throws {
        let result = ReadResult(value: bytes, version: 1)
        let members = try ConsistentAnswers.found(bytes, result, .of(bytes)).members
        #expect(text(members["encoding"]) == "base64")
        #expect(text(members["value"]).flatMap { Data(base64Encoded: $0) } == Data(bytes))
        #expect(text(members["key_encoding"]) == "base64")
        #expect(text(members["key"]).flatMap { Data(base64Encoded: $0) } == Data(bytes))
    }

    @Test(arguments: ["", "\u{0}", "\"\\\n\r\t\u{1f}", "ä€😀", "</script>", "\u{7f}\u{2028}"])
    func validUTF8IsAString(_ value: String) throws {
        let result = ReadResult(value: Bytes(value.utf8), version: 1)
        let members = try ConsistentAnswers.found(result.value ?? [], result, request).members
        #expect(text(members["value"]) == value)
        #expect(text(members["encoding"]) == "utf-8")
        #expect(members["key_encoding"] == nil)
    }

    @Test func aMissingKeyHasAVersionAndAnAge() throws {
        let response = ConsistentAnswers.noSuchKey(version: 3).response
        #expect(response.status == 404)
        #expect(response.contentType == "application/problem+json")
        #expect(response.header("ETag") == "\"3\"")
        let members = try response.members
        #expect(text(members["code"]) == "key_not_found")
        #expect(text(members["title"]) == "Not Found")
        #expect(text(members["status"]) == "404")
        #expect(text(members["version"]) == "3")
        #expect(response.text.contains(#""staleness_ms":0,"stale":false"#))
        #expect(members["outcome"] == nil, "a read has none")
    }

    @Test func bytesHaveTheirMetadataInHeaderFields() {
        let result = ReadResult(value: [0, 0xFF], version: 7)
        let response = ConsistentAnswers.found([0, 0xFF], result, asBytes)
        #expect(response.contentType == "application/octet-stream")
        #expect(response.body == [0, 0xFF])
        #expect(response.header("ETag") == "\"7-bytes\"", "another representation than JSON")
        #expect(response.header("X-Staleness-Ms") == "0")
        #expect(response.header("X-Stale") == "false")
        #expect(response.header("X-Conflicts") == "0")
    }

    @Test func anAppliedChangeHasItsVersion() {
        let response = ConsistentAnswers.applied(version: 8, replicasAcked: 2, request)
        #expect(response.header("ETag") == "\"8\"")
        #expect(
            response.text.trimmingCharacters(in: .newlines)
                == #"{"mode":"cp","key":"k","version":8,"outcome":"applied","replicas_acked":2}"#)
    }

    @Test func aDeleteOfNothingIs404AndNotApplied() throws {
        let response = ConsistentAnswers.nothingToDelete(version: 4).response
        let members = try response.members
        #expect(response.status == 404)
        #expect(text(members["outcome"]) == "not_applied")
        #expect(text(members["version"]) == "4")
    }

    @Test func aFailedPreconditionHasTheCurrentVersion() throws {
        let response = ConsistentAnswers.preconditionFailed("why", outcome: .notApplied, version: 9).response
        #expect(response.header("ETag") == "\"9\"")
        #expect(try text(response.members["version"]) == "9")
    }
}
