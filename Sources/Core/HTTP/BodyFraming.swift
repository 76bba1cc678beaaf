/// Where the body of a request ends, as its fields say (RFC 9112, section 6).
struct BodyFraming {
    private(set) var contentLength: UInt64?
    private(set) var isChunked = false
    private var transferEncodingLines = 0

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    mutating func takeContentLength(_ value: UnsafeRawBufferPointer) throws(Problem) {
        guard contentLength == nil, !value.isEmpty, value.allSatisfy(MessageGrammar.isDigit) else {
            throw .malformed("the length of the body is malformed or ambiguous")
        }
        // A number that is too long is a body that is too long.
        contentLength = UInt64(String(decoding: value, as: UTF8.self)) ?? .max
    }

    mutating func takeTransferEncoding(_ value: UnsafeRawBufferPointer) {
        transferEncodingLines += 1
        isChunked = value.equalsIgnoringCase("chunked")
    }

    /// Refuses what others could read as a body of another length (sections 6.1 and 6.3).
    func check(isHTTP10: Bool) throws(Problem) {
        guard transferEncodingLines > 0 else { return }
        if contentLength != nil || isHTTP10 { throw .malformed("the length of the body is ambiguous") }
        if transferEncodingLines > 1 || !isChunked {
            throw Problem(status: 501, code: "not_supported", detail: "the only transfer encoding is chunked")
        }
    }
}
