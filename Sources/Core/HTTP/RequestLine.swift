/// The request line: method, target and version (RFC 9112, section 3).
struct RequestLine {
    private(set) var method = Method.get
    /// The target as sent. Bytes above 127 are accepted, because some clients do not percent-encode them.
    private(set) var target: [UInt8] = []
    private(set) var isHTTP10 = false

    /// The greatest length of a method.
    private static let maxMethodBytes = 32

    /// Parses the line. If the line is well-formed and the version or target is rejected, `method` is already set,
    /// because a response to HEAD has no body.
    /// - Parameter line: without its CRLF and without control characters.
    mutating func take(_ line: UnsafeRawBufferPointer) throws(Problem) {
        let space = UInt8(ascii: " ")
        guard let methodEnd = line.firstOffset(of: space) else { throw .malformedRequestLine }
        let rest = line.part((methodEnd + 1)...)
        guard let targetEnd = rest.firstOffset(of: space) else { throw .malformedRequestLine }
        let name = line.part(..<methodEnd)
        let text = rest.part(..<targetEnd)
        guard MessageGrammar.isToken(name), name.count <= Self.maxMethodBytes, !text.isEmpty,
            !text.contains(UInt8(ascii: "\t")), let version = Self.version(rest.part((targetEnd + 1)...))
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

    /// Whether `text` has one of the four forms of a target (section 3.2). A target has no fragment.
    private func isTarget(_ text: UnsafeRawBufferPointer) -> Bool {
        guard !text.contains(UInt8(ascii: "#")) else { return false }
        if text[0] == UInt8(ascii: "/") { return true }
        if text.equals("*") { return method == .options }
        if method == Method("CONNECT") { return MessageGrammar.isHost(text) }
        for scheme: StaticString in ["http://", "https://"] {
            let count = scheme.utf8CodeUnitCount
            guard text.count > count, text.part(..<count).equalsIgnoringCase(scheme) else { continue }
            let rest = text.part(count...)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
            // Require a host, and reject user information such as `user@` (RFC 9110, sections 4.2.1 and 4.2.4).
            return end > 0 && rest[0] != UInt8(ascii: ":") && MessageGrammar.isHost(rest.part(..<end))
        }
        return false
    }

    private static func version(_ text: UnsafeRawBufferPointer) -> (major: UInt8, minor: UInt8)? {
        guard text.count == 8, text.part(..<5).equals("HTTP/"), MessageGrammar.isDigit(text[5]),
            text[6] == UInt8(ascii: "."), MessageGrammar.isDigit(text[7])
        else { return nil }
        return (text[5] - UInt8(ascii: "0"), text[7] - UInt8(ascii: "0"))
    }
}

extension Problem {
    fileprivate static var malformedRequestLine: Problem { malformed("the request line is malformed") }
}
