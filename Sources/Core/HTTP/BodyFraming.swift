/// How the body of a request is delimited, from its header fields (RFC 9112, section 6).
struct BodyFraming {
    private(set) var contentLength: UInt64?
    private(set) var isChunked = false
    private var transferEncodingLines = 0

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    mutating func takeContentLength(_ value: UnsafeRawBufferPointer) throws(Problem) {
        guard contentLength == nil, !value.isEmpty, value.allSatisfy(MessageGrammar.isDigit) else {
            throw .malformed("the length of the body is malformed or ambiguous")
        }
        // A number that does not fit counts as the maximum, so that the body is rejected as too long.
        contentLength = UInt64(String(decoding: value, as: UTF8.self)) ?? .max
    }

    mutating func takeTransferEncoding(_ value: UnsafeRawBufferPointer) {
        transferEncodingLines += 1
        isChunked = value.equalsIgnoringCase("chunked")
    }

    /// Rejects a request whose body could have another length for another HTTP implementation (sections 6.1 and 6.3).
    /// Rejects every transfer coding other than a single `chunked`.
    func check(isHTTP10: Bool) throws(Problem) {
        guard transferEncodingLines > 0 else { return }
        if contentLength != nil || isHTTP10 { throw .malformed("the length of the body is ambiguous") }
        if transferEncodingLines > 1 || !isChunked {
            throw Problem(status: 501, code: "not_supported", detail: "the only transfer encoding is chunked")
        }
    }
}
