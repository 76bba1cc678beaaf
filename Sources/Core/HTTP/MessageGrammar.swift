/// The grammar of RFC 9110 and RFC 9112 without the deviations that they tolerate. Every text is a part of one line,
/// without its CRLF and without control characters other than tabs.
enum MessageGrammar {
    /// Splits a field line (RFC 9112, section 5). A line that continues the previous field (`obs-fold`) begins with a
    /// space or tab, so it is malformed.
    static func field(
        _ line: UnsafeRawBufferPointer
    ) throws(Problem) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        guard let colon = line.firstOffset(of: UInt8(ascii: ":")), isToken(line.part(..<colon)) else {
            throw .malformed("a header field is malformed")
        }
        var start = colon + 1
        var end = line.count
        while start < end, isBlank(line[start]) { start += 1 }
        while start < end, isBlank(line[end - 1]) { end -= 1 }
        return (line.part(..<colon), line.part(start..<end))
    }

    /// RFC 9110, section 5.6.2.
    static func isToken(_ text: UnsafeRawBufferPointer) -> Bool {
        !text.isEmpty && text.allSatisfy(isTokenCharacter)
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// A host and an optional port (RFC 3986, sections 3.2.2 and 3.2.3), which may both be empty.
    static func isHost(_ value: UnsafeRawBufferPointer) -> Bool {
        var end = 0
        if value.first == UInt8(ascii: "[") {
            guard let bracket = value.firstOffset(of: UInt8(ascii: "]")), bracket > 1,
                value[1..<bracket].allSatisfy({ isHex($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            end = bracket + 1
        } else {
            while end < value.count, value[end] != UInt8(ascii: ":") {
                if value[end] == UInt8(ascii: "%") {
                    guard value.count - end >= 3, isHex(value[end + 1]), isHex(value[end + 2]) else { return false }
                    end += 3
                } else {
                    guard isHostCharacter(value[end]) else { return false }
                    end += 1
                }
            }
        }
        return end == value.count || (value[end] == UInt8(ascii: ":") && value[(end + 1)...].allSatisfy(isDigit))
    }

    /// A character of a host that is not percent-encoded.
    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: ","),
            UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    static func isHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension Problem {
    static func malformed(_ detail: String) -> Problem { badRequest("bad_request", detail) }
}
