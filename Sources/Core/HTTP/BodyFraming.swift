import CMicroHTTPD
import Glibc

/// The fields of the header block that delimit the message, collected in one pass.
struct BodyFraming {
    private(set) var contentLength: UInt64?
    private(set) var expectsContinue = false
    private var contentLengthLines = 0
    private var transferEncodingLines = 0
    private var isChunked = false
    private var hostLines = 0
    /// The connection memory that the header block needs, in bytes: its text, an entry per field and cookie, and a
    /// second copy of the cookies.
    private(set) var memoryBytes: Int
    private static let entryBytes = 64

    var hasBody: Bool { transferEncodingLines > 0 || (contentLength ?? 0) > 0 }

    init(of connection: OpaquePointer) {
        memoryBytes = cmhd_header_bytes(connection)
        cmhd_each_entry(
            connection,
            { context, kind, name, count, value, valueCount in
                let framing = context!.assumingMemoryBound(to: BodyFraming.self)
                framing.pointee.memoryBytes += BodyFraming.entryBytes
                if kind == .COOKIE_KIND { framing.pointee.memoryBytes += count + valueCount + 2 }
                guard let name, kind == .HEADER_KIND else { return .YES }
                // By length first: most fields are irrelevant.
                switch count {
                case 4 where strcasecmp(name, "host") == 0: framing.pointee.hostLines += 1
                case 6 where strcasecmp(name, "expect") == 0: framing.pointee.takeExpect(value)
                case 14 where strcasecmp(name, "content-length") == 0: framing.pointee.takeLength(value)
                case 17 where strcasecmp(name, "transfer-encoding") == 0: framing.pointee.takeEncoding(value)
                default: break
                }
                return .YES
            }, &self)
    }

    private mutating func takeExpect(_ value: UnsafePointer<CChar>?) {
        guard let value else { return }
        expectsContinue = Self.isWord("100-continue", value)
    }

    private mutating func takeLength(_ value: UnsafePointer<CChar>?) {
        contentLengthLines += 1
        // libmicrohttpd has already rejected anything but a number.
        if let value { contentLength = strtoull(value, nil, 10) }
    }

    private mutating func takeEncoding(_ value: UnsafePointer<CChar>?) {
        transferEncodingLines += 1
        guard let value else { return }
        isChunked = Self.isWord("chunked", value)
    }

    /// Ignores case and trailing white space.
    private static func isWord(_ word: StaticString, _ value: UnsafePointer<CChar>) -> Bool {
        let count = word.utf8CodeUnitCount
        return word.utf8Start.withMemoryRebound(to: CChar.self, capacity: count) { strncasecmp($0, value, count) == 0 }
            && strspn(value + count, " \t") == strlen(value + count)
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
