import JSON
/// Media types, written once.
public enum ContentType {
    public static let json = "application/json"
    public static let problem = "application/problem+json"
    public static let text = "text/plain; charset=utf-8"
    public static let octets = "application/octet-stream"
}

/// A response. The server adds `Content-Length`, `Date` and `Connection`; HEAD gets the same header fields without the body.
public struct Response: Sendable {
    public var status: Int
    public var contentType: String?
    /// Additional fields. A field whose name or value contains a line break is omitted.
    public var headers: [Header]
    public var body: [UInt8]

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
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Status \(status)"
        }
    }
}
