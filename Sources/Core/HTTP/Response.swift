import CMicroHTTPD
import Glibc
import JSON

/// Media types, written once.
public enum ContentType {
    public static let json = "application/json"
    public static let problem = "application/problem+json"
    public static let text = "text/plain; charset=utf-8"
    public static let octets = "application/octet-stream"
}

/// A response. The server adds `Content-Length`, `Date` and `Connection`; HEAD gets the same header fields without the
/// body.
public struct Response: Sendable {
    public var status: Int
    public var contentType: String?
    /// Additional fields. A field whose name or value contains a line break is omitted.
    public var headers: [Header]
    /// Whether the client's `Accept` field selected the representation (RFC 9110, section 12.5.5); adds `Vary: Accept`.
    public var isNegotiated = false
    public var body: [UInt8]
    /// The code of a problem, as in its body.
    public internal(set) var problemCode: String?
    /// The value of `Cache-Control`, which is sent in responses to safe methods only.
    public var cacheControl = "no-store"
    /// A body without a known end, which is sent instead of ``body``.
    public var stream: ResponseStream?

    public init(status: Int = 200, contentType: String? = nil, headers: [Header] = [], body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    public static func json(_ json: JSONWriter, status: Int = 200, headers: [Header] = []) -> Response {
        Response(status: status, contentType: ContentType.json, headers: headers, body: json.line())
    }

    public static func text(_ text: String, status: Int = 200) -> Response {
        Response(status: status, contentType: ContentType.text, body: Array(text.utf8))
    }

    /// The standard phrase of a status code.
    public static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 421: "Misdirected Request"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status \(status)"
        }
    }
}

extension Response {
    /// The response as a libmicrohttpd object, which the caller destroys.
    ///
    /// The body is copied. For up to about 10 KiB, a copy costs less than a callback that frees the body later.
    /// - Parameters:
    ///   - isStorable: caches could store it (RFC 9111, section 3), so it gets ``cacheControl``. Caches never store
    ///     responses to changes.
    ///   - isLast: the connection is closed after it.
    ///   - isSecure: it is sent over TLS. Adds the field with which browsers use only TLS for a year (RFC 6797).
    ///   - further: header fields besides its own.
    ///   - trace: of its request; nil for none.
    ///   - traceState: of its request; nil for none.
    func prepared(
        isStorable: Bool, isLast: Bool, isSecure: Bool = false, further: [Header] = [], trace: TraceContext? = nil,
        traceState: String? = nil
    ) -> OpaquePointer? {
        let response =
            if let stream {
                HTTPCallbacks.response(streaming: stream)
            } else {
                body.withUnsafeBytes { bytes in
                    MHD_create_response_from_buffer(
                        bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
                }
            }
        guard let response else { return nil }
        func add(_ name: String, _ value: String) {
            // Avoid the copies of an implicit conversion.
            name.withCString { name in value.withCString { _ = MHD_add_response_header(response, name, $0) } }
        }
        if let contentType { add("Content-Type", contentType) }
        for header in headers { add(header.name, header.value) }
        for header in further { add(header.name, header.value) }
        // A value may be anything, including a script. Browsers must not guess its type, or load it into pages of other
        // origins.
        add("X-Content-Type-Options", "nosniff")
        add("Cross-Origin-Resource-Policy", "same-origin")
        if isNegotiated { add("Vary", "Accept") }
        if isSecure { add("Strict-Transport-Security", "max-age=31536000") }
        if isStorable { add("Cache-Control", cacheControl) }
        if isLast { add("Connection", "close") }
        if let trace { Self.add(trace, to: response) }
        if let traceState { add("tracestate", traceState) }
        return response
    }

    /// Writes the response to a socket that the caller then closes; at most as much as fits into the socket's buffer.
    /// - Parameter request: the request that it answers; nil for none.
    func send(to descriptor: Int32, for request: Request? = nil) {
        let bytes = closingBytes(for: request)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    }

    /// The response as the last message of a connection.
    func closingBytes(for request: Request?) -> [UInt8] {
        let trace = request?.trace
        let body = traced(by: trace).body
        var text = "HTTP/1.1 \(status) \(Self.reason(status))\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
        if let contentType { text += "Content-Type: \(contentType)\r\n" }
        if let trace { text += "traceparent: \(trace.traceParent)\r\n" }
        if let state = request?.traceState { text += "tracestate: \(state)\r\n" }
        text += "\r\n"
        return Array(text.utf8) + body
    }
}
