import CMicroHTTPD
import Glibc

/// What the server must know of a header block before the body arrives, collected in one pass: the fields that delimit
/// the message, and the memory that the block needs.
struct HeaderBlock {
    private(set) var contentLength: UInt64?
    private(set) var expectsContinue = false
    private var contentLengthLines = 0
    private var transferEncodingLines = 0
    private var isChunked = false
    private var hostLines = 0
    /// The connection memory that the block needs, in bytes: its text, an entry per field and cookie, and a second copy
    /// of the cookies.
    private(set) var memoryBytes: Int
    private static let entryBytes = 64

    var hasBody: Bool { transferEncodingLines > 0 || (contentLength ?? 0) > 0 }

    init(of connection: OpaquePointer) {
        memoryBytes = cmhd_header_bytes(connection)
        cmhd_each_entry(
            connection,
            { context, kind, name, count, value, valueCount in
                context!.assumingMemoryBound(to: HeaderBlock.self).pointee.take(kind, name, count, value, valueCount)
                return .YES
            }, &self)
    }

    private mutating func take(
        _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?, _ count: Int, _ value: UnsafePointer<CChar>?,
        _ valueCount: Int
    ) {
        memoryBytes += Self.entryBytes
        if kind == .COOKIE_KIND { memoryBytes += count + valueCount + 2 }
        guard let name, kind == .HEADER_KIND else { return }
        // By length first: most fields are irrelevant.
        switch count {
        case 4 where strcasecmp(name, "host") == 0:
            hostLines += 1
        case 6 where strcasecmp(name, "expect") == 0:
            if let value { expectsContinue = Self.isWord("100-continue", value) }
        case 14 where strcasecmp(name, "content-length") == 0:
            contentLengthLines += 1
            // libmicrohttpd has already rejected anything but a number.
            if let value { contentLength = strtoull(value, nil, 10) }
        case 17 where strcasecmp(name, "transfer-encoding") == 0:
            transferEncodingLines += 1
            if let value { isChunked = Self.isWord("chunked", value) }
        default: break
        }
    }

    /// Ignores case and trailing white space.
    private static func isWord(_ word: String, _ value: UnsafePointer<CChar>) -> Bool {
        let count = word.utf8.count
        return strncasecmp(word, value, count) == 0 && strspn(value + count, " \t") == strlen(value + count)
    }

    /// Messages that a server must reject because intermediaries could disagree on where they end (RFC 9112, sections
    /// 3.2, 6.1 and 6.3), and that libmicrohttpd accepts.
    func problem(target: [UInt8], version: UnsafePointer<CChar>) -> Problem? {
        if hostLines > 1 || (hostLines == 0 && strcmp(version, "HTTP/1.1") == 0) {
            return .badRequest("bad_request", "the request must have one Host field")
        }
        if target.isEmpty || target.contains(UInt8(ascii: " ")) {
            return .badRequest("bad_request", "the request line is malformed")
        }
        if contentLengthLines > 1 || (contentLengthLines > 0 && transferEncodingLines > 0) {
            return .badRequest("bad_request", "the length of the body is ambiguous")
        }
        if transferEncodingLines > 1 || (transferEncodingLines == 1 && !isChunked) {
            return Problem(status: 501, code: "not_supported", detail: "the only transfer encoding is chunked")
        }
        return nil
    }
}
