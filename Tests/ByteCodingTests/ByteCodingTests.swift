import ByteCoding
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20))) struct ByteCodingTests {
    @Test(arguments: [0, 1, 9, 10, 4_096, 1 << 53, UInt64.max])
    func decimalIsTheUsualSpelling(value: UInt64) {
        #expect(Bytes(decimal: value) == Bytes(String(value).utf8))
        var bytes = Bytes("x".utf8)
        bytes.append(decimal: value)
        #expect(bytes == Bytes("x\(value)".utf8))
    }

    @Test(arguments: [0, 1, -1, 42, Int64.max, -Int64.max])
    func decimalReadsBack(value: Int64) {
        #expect(Int64(decimal: Bytes(String(value).utf8)) == value)
    }

    @Test(arguments: ["", "-", "+1", "1x", " 1", "9223372036854775808", "99999999999999999999", "1.0"])
    func anythingElseIsNoDecimal(text: String) {
        #expect(Int64(decimal: Bytes(text.utf8)) == nil)
    }

    @Test(arguments: [0, 1, 0xdead_beef, UInt64.max])
    func hexadecimalHas16LowerCaseDigits(value: UInt64) {
        let text = String(value, radix: 16)
        let expected = Bytes((String(repeating: "0", count: 16 - text.count) + text).utf8)
        #expect(Bytes(hexadecimal: value) == expected)
        var bytes = Bytes()
        bytes.append(hexadecimal: value)
        #expect(bytes == expected)
        #expect(UInt64(hexadecimal: expected) == value)
    }

    @Test func aByteIsTwoHexadecimalDigits() {
        var bytes = Bytes()
        for byte in [0x00, 0x0a, 0xff] as Bytes { bytes.append(hexadecimal: byte) }
        #expect(bytes == Bytes("000aff".utf8))
    }

    @Test(arguments: ["", "0", "00000000000000000", "000000000000000G", "000000000000000A"])
    func anythingElseIsNoHexadecimal(text: String) {
        #expect(UInt64(hexadecimal: Bytes(text.utf8)) == nil)
    }

    @Test func base64IsThatOfFoundation() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            var output = Bytes("x".utf8)
            Base64.encode(bytes, onto: &output)
            #expect(String(decoding: output, as: UTF8.self) == "x" + Data(bytes).base64EncodedString())
        }
    }

    @Test func base64URLReadsBack() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
    }

    @Test(arguments: ["A", "AB=", "AB", "A+", "é"])
    func anythingElseIsNoBase64URL(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    /// Test vectors from the page of FNV's authors.
    @Test func fnv1aHasItsPublishedValues() {
        #expect(Bytes().fnv1a == 0xcbf2_9ce4_8422_2325)
        #expect(Bytes("a".utf8).fnv1a == 0xaf63_dc4c_8601_ec8c)
        #expect(Bytes("foobar".utf8).fnv1a == 0x8594_4171_f739_67e8)
    }
}
