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
    private var connection: String?

    /// The longest method.
    private static let maxMethodBytes = 32

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    // MARK: Lines, without their CRLF and without control characters

    mutating func takeRequestLine(_ line: ArraySlice<UInt8>) throws(Problem) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, Self.isToken(parts[0]), parts[0].count <= Self.maxMethodBytes, !parts[1].isEmpty,
            !parts[1].contains(UInt8(ascii: "\t")), let version = Self.version(parts[2])
        else { throw .malformed("the request line is malformed") }
        method = Method(String(decoding: parts[0], as: UTF8.self))
        guard version.major == 1 else {
            throw Problem(
                status: 505, code: "version_not_supported", detail: "the version must be 1.1 or 1.0")
        }
        isHTTP10 = version.minor == 0
        target = Array(parts[1])
    }

    private static func version(_ text: ArraySlice<UInt8>) -> (major: UInt8, minor: UInt8)? {
        let digits = text.dropFirst(5)
        guard text.starts(with: "HTTP/".utf8), digits.count == 3, let major = digits.first, let minor = digits.last,
            isDigit(major), isDigit(minor), digits.dropFirst().first == UInt8(ascii: ".")
        else { return nil }
        return (major - UInt8(ascii: "0"), minor - UInt8(ascii: "0"))
    }

    mutating func takeField(_ line: ArraySlice<UInt8>) throws(Problem) {
        let (name, value) = try Self.field(line)
        fields.append(name, value)
        // By length first: most fields are irrelevant.
        switch name.count {
        case 4 where Self.equals(name, "host"):
            hostLines += 1
            guard Self.isHost(value) else { throw .malformed("the Host field is malformed") }
        case 6 where Self.equals(name, "expect"):
            expectsContinue = Self.equals(value, "100-continue")
        case 10 where Self.equals(name, "connection"):
            connection = (connection.map { $0 + "," } ?? "") + String(decoding: value, as: UTF8.self).lowercased()
        case 14 where Self.equals(name, "content-length"):
            guard contentLength == nil, !value.isEmpty, value.allSatisfy(Self.isDigit) else {
                throw .malformed("the length of the body is malformed or ambiguous")
            }
            // A number that is too long is a body that is too long.
            contentLength = UInt64(String(decoding: value, as: UTF8.self)) ?? .max
        case 17 where Self.equals(name, "transfer-encoding"):
            transferEncodingLines += 1
            isChunked = Self.equals(value, "chunked")
        default: break
        }
    }

    /// Splits a field line (section 5). A line that continues the one before has no name, and is malformed.
    static func field(_ line: ArraySlice<UInt8>) throws(Problem) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)
    {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), isToken(line[..<colon]) else {
            throw .malformed("a header field is malformed")
        }
        var value = line[(colon + 1)...]
        while let first = value.first, isBlank(first) { value.removeFirst() }
        while let last = value.last, isBlank(last) { value.removeLast() }
        return (line[..<colon], value)
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

    /// A request line and the fields that delimit the message, for libmicrohttpd, which never sees the client's text.
    var canonical: String {
        var text = "\(method.name) / HTTP/1.\(isHTTP10 ? 0 : 1)\r\n"
        let options = (connection ?? "").split { $0 == "," || $0 == " " || $0 == "\t" }
        if problem != nil || options.contains("close") {
            text += "Connection: close\r\n"
        } else if options.contains("keep-alive") {
            text += "Connection: keep-alive\r\n"
        }
        guard problem == nil else { return text + "\r\n" }
        if let contentLength { text += "Content-Length: \(min(contentLength, UInt64(Int64.max)))\r\n" }
        if isChunked { text += "Transfer-Encoding: chunked\r\n" }
        if expectsContinue, !isHTTP10 { text += "Expect: 100-continue\r\n" }
        return text + "\r\n"
    }

    // MARK: Grammar

    private static func equals(_ text: ArraySlice<UInt8>, _ word: StaticString) -> Bool {
        word.withUTF8Buffer { word in
            text.count == word.count && zip(text, word).allSatisfy { $0 | (isLetter($0) ? 0x20 : 0) == $1 }
        }
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty
            && text.allSatisfy { isLetter($0) || isDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    /// A host and an optional port (RFC 3986, sections 3.2.2 and 3.2.3), which may both be empty.
    static func isHost(_ value: ArraySlice<UInt8>) -> Bool {
        var rest = value
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")), end > rest.startIndex + 1,
                rest[(rest.startIndex + 1)..<end].allSatisfy({
                    isHex($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                })
            else { return false }
            rest = rest[(end + 1)...]
        } else {
            while let byte = rest.first, byte != UInt8(ascii: ":") {
                if byte == UInt8(ascii: "%") {
                    guard rest.count >= 3, rest.dropFirst().prefix(2).allSatisfy(isHex) else { return false }
                    rest = rest.dropFirst(3)
                } else {
                    guard isLetter(byte) || isDigit(byte) || "-._~!$&'()*+,;=".utf8.contains(byte) else { return false }
                    rest.removeFirst()
                }
            }
        }
        return rest.isEmpty || (rest.first == UInt8(ascii: ":") && rest.dropFirst().allSatisfy(isDigit))
    }

    static func isHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}

extension Problem {
    static func malformed(_ detail: String) -> Problem { badRequest("bad_request", detail) }
}
