import Foundation
import JSON
import Testing

@testable import HTTP

private func text(_ build: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter()
    build(&json)
    return String(decoding: json.bytes, as: UTF8.self)
}

@Suite(.timeLimit(.minutes(20))) struct JSONWriterTests {
    @Test func objectsArraysAndScalarsAreSeparated() {
        let written = text { json in
            json.beginObject()
            json.member("a", 1)
            json.member("b", "x")
            json.key("c")
            json.beginArray()
            json.integer(1)
            json.integer(-2)
            json.beginObject()
            json.endObject()
            json.beginArray()
            json.endArray()
            json.null()
            json.endArray()
            json.member("d", true)
            json.member("e", nil as String?)
            json.dynamicKey("f\"")
            json.bool(false)
            json.endObject()
        }
        #expect(written == #"{"a":1,"b":"x","c":[1,-2,{},[],null],"d":true,"e":null,"f\"":false}"#)
    }

    @Test func integersOfAllSizesAreWritten() {
        let written = text { json in
            json.beginArray()
            json.integer(0)
            json.integer(Int64.min)
            json.integer(Int64.max)
            json.integer(UInt64.max)
            json.endArray()
        }
        #expect(written == "[0,-9223372036854775808,9223372036854775807,18446744073709551615]")
    }

    @Test func everyCharacterSurvivesARoundTrip() throws {
        var original = ""
        for scalar in (0...0x2FF).compactMap(Unicode.Scalar.init) { original.unicodeScalars.append(scalar) }
        original += "\u{2028}\u{2029}\u{FFFF}😀 end"
        var json = JSONWriter()
        json.beginArray()
        json.string(original)
        json.string(utf8: Array(original.utf8))
        json.endArray()
        #expect(!json.bytes.contains { $0 < 0x20 })
        let read = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String])
        #expect(read == [original, original])
    }

    @Test func controlCharactersHaveShortEscapes() {
        #expect(
            text { $0.string("\u{8}\t\n\u{c}\r\"\\/\u{1}\u{1f}\u{7f}") } == #""\b\t\n\f\r\"\\/\u0001\u001f\#u{7f}""#)
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64MatchesTheRFCVectors(input: String) {
        #expect(text { $0.base64(Array(input.utf8)) } == "\"\(Data(input.utf8).base64EncodedString())\"")
    }

    @Test func base64EncodesEveryByte() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(text { $0.base64(bytes) } == "\"\(Data(bytes).base64EncodedString())\"")
    }

    @Test func onlyWellFormedUTF8IsValid() {
        for good in ["", "plain", "é", "€", "😀", "\0", "\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10FFFF}"] {
            #expect(isValidUTF8(Array(good.utf8)))
        }
        let bad: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x61, 0xFF], [0xC3],
        ]
        for bytes in bad { #expect(!isValidUTF8(bytes)) }
    }

    @Test func problemsHaveTheirMembers() throws {
        let problem = Problem(status: 503, code: "no_quorum", detail: "a \"quoted\" detail", retryAfterS: 2)
            .with("outcome", .string("unknown")).with("acked", .integer(1)).with("final", .bool(true)).with(
                "version", .null)
        let response = problem.response
        #expect(response.status == 503)
        #expect(response.contentType == "application/problem+json")
        #expect(response.headers == [Header("Retry-After", "2")])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
        #expect(object["type"] as? String == "about:blank")
        #expect(object["title"] as? String == "Service Unavailable")
        #expect(object["status"] as? Int == 503)
        #expect(object["detail"] as? String == "a \"quoted\" detail")
        #expect(object["code"] as? String == "no_quorum")
        #expect(object["outcome"] as? String == "unknown")
        #expect(object["acked"] as? Int == 1)
        #expect(object["final"] as? Bool == true)
        #expect(object["version"] is NSNull)
    }
}
