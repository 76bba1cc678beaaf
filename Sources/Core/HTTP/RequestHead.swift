/// The head of a request: request line and header fields, by the grammar of RFC 9112 and without its tolerances.
struct RequestHead {
    private(set) var method = Method.get
    /// As sent. Bytes above 127 are accepted, as clients send them unencoded.
    private(set) var target: [UInt8] = []
    private(set) var fields = HeaderFields()
    private(set) var contentLength: UInt64?
    private(set) var isChunked = false
    private(set) var expectsContinue = false
    /// Counts the requests of a connection.
    var number = 0
    /// Why the request is refused; the connection ends with it.
    var problem: Problem?

    private var isHTTP10 = false
    private var hostLines = 0
    private var transferEncodingLines = 0
    /// What the Connection fields list, in lower case.
    private var connectionOptions: [Substring] = []

    /// The longest method.
    private static let maxMethodBytes = 32

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    // MARK: Lines, without their CRLF and without control characters

    mutating func takeRequestLine(_ line: UnsafeRawBufferPointer) throws(Problem) {
        let space = UInt8(ascii: " ")
        guard let methodEnd = line.firstOffset(of: space) else { throw .malformedRequestLine }
        let rest = line.part((methodEnd + 1)...)
        guard let targetEnd = rest.firstOffset(of: space) else { throw .malformedRequestLine }
        let name = line.part(..<methodEnd)
        let text = rest.part(..<targetEnd)
        guard Self.isToken(name), name.count <= Self.maxMethodBytes, !text.isEmpty, !text.contains(UInt8(ascii: "\t")),
            let version = Self.version(rest.part((targetEnd + 1)...))
        else { throw .malformedRequestLine }
        method = Method(String(decoding: name, as: UTF8.self))
        guard version.major == 1 else {
            throw Problem(
                status: 505, code: "version_not_supported", detail: "the version must be 1.1 or 1.0")
        }
        isHTTP10 = version.minor == 0
        guard isTarget(text) else { throw .malformed("the request target is malformed") }
        target = Array(text)
    }

    /// One of the four forms of a target (section 3.2). A fragment is never sent.
    private func isTarget(_ text: UnsafeRawBufferPointer) -> Bool {
        guard !text.contains(UInt8(ascii: "#")) else { return false }
        if text[0] == UInt8(ascii: "/") { return true }
        if text.equals("*") { return method == .options }
        if method == Method("CONNECT") { return Self.isHost(text) }
        for scheme: StaticString in ["http://", "https://"] {
            let count = scheme.utf8CodeUnitCount
            guard text.count > count, text.part(..<count).equalsIgnoringCase(scheme) else { continue }
            let rest = text.part(count...)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
            // No user information, and not without a host (RFC 9110, sections 4.2.1 and 4.2.4).
            return end > 0 && rest[0] != UInt8(ascii: ":") && Self.isHost(rest.part(..<end))
        }
        return false
    }

    private static func version(_ text: UnsafeRawBufferPointer) -> (major: UInt8, minor: UInt8)? {
        guard text.count == 8, text.part(..<5).equals("HTTP/"), isDigit(text[5]), text[6] == UInt8(ascii: "."),
            isDigit(text[7])
        else { return nil }
        return (text[5] - UInt8(ascii: "0"), text[7] - UInt8(ascii: "0"))
    }

    mutating func takeField(_ line: UnsafeRawBufferPointer) throws(Problem) {
        let (name, value) = try Self.field(line)
        fields.append(name, value)
        // By length first: most fields are irrelevant.
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            hostLines += 1
            guard Self.isHost(value) else { throw .malformed("the Host field is malformed") }
        case 6 where name.equalsIgnoringCase("expect"):
            expectsContinue = value.equalsIgnoringCase("100-continue")
        case 10 where name.equalsIgnoringCase("connection"):
            connectionOptions += String(decoding: value, as: UTF8.self).lowercased()
                .split { $0 == "," || $0 == " " || $0 == "\t" }
        case 14 where name.equalsIgnoringCase("content-length"):
            guard contentLength == nil, !value.isEmpty, value.allSatisfy(Self.isDigit) else {
                throw .malformed("the length of the body is malformed or ambiguous")
            }
            // A number that is too long is a body that is too long.
            contentLength = UInt64(String(decoding: value, as: UTF8.self)) ?? .max
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            transferEncodingLines += 1
            isChunked = value.equalsIgnoringCase("chunked")
        default: break
        }
    }

    /// Splits a field line (section 5). A line that continues the one before has no name, and is malformed.
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

    /// What others could read as another message (sections 3.2, 6.1 and 6.3).
    func check() throws(Problem) {
        if hostLines > 1 || (hostLines == 0 && !isHTTP10) { throw .malformed("the request must have one Host field") }
        guard transferEncodingLines > 0 else { return }
        if contentLength != nil || isHTTP10 { throw .malformed("the length of the body is ambiguous") }
        if transferEncodingLines > 1 || !isChunked {
            throw Problem(status: 501, code: "not_supported", detail: "the only transfer encoding is chunked")
        }
    }

    // MARK: For libmicrohttpd

    /// Writes a request line and the fields that delimit the message, for libmicrohttpd, which never sees the client's
    /// text.
    func appendCanonical(to output: inout [UInt8]) {
        output.append(contentsOf: method.name.utf8)
        output.append(text: isHTTP10 ? " / HTTP/1.0\r\n" : " / HTTP/1.1\r\n")
        if problem != nil || connectionOptions.contains("close") {
            output.append(text: "Connection: close\r\n")
        } else if connectionOptions.contains("keep-alive") {
            output.append(text: "Connection: keep-alive\r\n")
        }
        if problem == nil {
            if let contentLength {
                output.append(contentsOf: "Content-Length: \(min(contentLength, UInt64(Int64.max)))\r\n".utf8)
            }
            if isChunked { output.append(text: "Transfer-Encoding: chunked\r\n") }
            // Without a body there is nothing to wait for, and libmicrohttpd would drop the requests behind this one.
            if expectsContinue, hasBody, !isHTTP10 { output.append(text: "Expect: 100-continue\r\n") }
        }
        output.append(text: "\r\n")
    }

    // MARK: Grammar

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ text: UnsafeRawBufferPointer) -> Bool {
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
    private static func isHost(_ value: UnsafeRawBufferPointer) -> Bool {
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

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension Problem {
    fileprivate static var malformedRequestLine: Problem { malformed("the request line is malformed") }

    static func malformed(_ detail: String) -> Problem { badRequest("bad_request", detail) }
}
