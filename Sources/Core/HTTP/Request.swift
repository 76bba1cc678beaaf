import ByteCoding

/// One request with its body. It stays valid after the client disconnects; use it on the reactor's thread only.
public final class Request {
    public let method: Method
    /// The request target as sent: `%2F`, empty segments and a trailing slash are kept.
    public let target: [UInt8]
    /// The body; empty if there is none.
    public internal(set) var body: [UInt8]
    /// When the request was complete, in nanoseconds on the reactor's clock.
    public internal(set) var receivedNs: UInt64
    public let client: ClientAddress
    /// The authenticated sender; nil if there is none. Set by the ``AccessPolicy``.
    public var principal: Principal?
    /// The rate limit fields of its response; set by the ``RequestLimiter``.
    public var quotaFields: [Header] = []
    /// Whether the audit trail already has a line about this request, or has counted it as suppressed.
    public var isAudited = false

    /// The span of the service and its trace; nil in a server without ``RequestTraces``.
    public internal(set) var trace: TraceContext?
    /// The `tracestate` of the trace, which is passed on; nil if there is none, or an invalid one.
    public internal(set) var traceState: String?
    /// The recorded span; nil if there is none, or if it has ended.
    var span: (any RequestSpan)?

    /// The router's result for its path and method; nil before the router has looked it up.
    var match: Router.Match?
    private let fields: HeaderFields
    /// The path within `target`; empty for the absolute form without a path (`http://host`), which means `/`.
    let pathRange: Range<Int>
    /// The query within `target`, without its question mark.
    let queryRange: Range<Int>

    /// A request without a connection, for tests of handlers.
    public convenience init(
        method: Method, target: String, headers: [Header] = [], body: [UInt8] = [], receivedNs: UInt64 = 0,
        client: ClientAddress = ClientAddress(network: 0), trace: TraceContext? = nil
    ) {
        self.init(
            method: method, target: Array(target.utf8), fields: HeaderFields(headers), client: client, trace: trace)
        self.body = body
        self.receivedNs = receivedNs
    }

    init(
        method: Method, target: [UInt8], fields: HeaderFields, client: ClientAddress, trace: TraceContext? = nil
    ) {
        self.trace = trace
        self.method = method
        self.target = target
        self.fields = fields
        self.client = client
        body = []
        receivedNs = 0
        let pathStart = Self.pathStart(in: target)
        let queryMark = target[pathStart...].firstIndex(of: UInt8(ascii: "?")) ?? target.count
        pathRange = pathStart..<queryMark
        queryRange = min(queryMark + 1, target.count)..<target.count
    }

    /// Every server must accept the absolute form, `http://host/path` (RFC 9112, section 3.2.2).
    private static func pathStart(in target: [UInt8]) -> Int {
        guard let start = authorityStart(in: target) else { return 0 }
        return target[start...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? target.count
    }

    /// The start of the host in a target of the absolute form; nil for other forms.
    private static func authorityStart(in target: [UInt8]) -> Int? {
        let slash = UInt8(ascii: "/")
        guard let first = target.first, first != slash, let colon = target.firstIndex(of: UInt8(ascii: ":")),
            colon + 2 < target.count, target[colon + 1] == slash, target[colon + 2] == slash
        else { return nil }
        return colon + 3
    }

    /// The host and port that the client addressed: from the absolute form of the target, which overrides the field, or
    /// from `Host` (RFC 9112, section 3.2.2). Nil for HTTP/1.0 without `Host`.
    public var authority: String? {
        guard let start = Self.authorityStart(in: target) else { return header("Host") }
        return String(decoding: target[start..<pathRange.lowerBound], as: UTF8.self)
    }

    // MARK: Path

    /// The path as sent, for logs.
    public var path: String { pathRange.isEmpty ? "/" : String(decoding: target[pathRange], as: UTF8.self) }

    /// The segment at `index`, percent-decoded. It may be any bytes.
    /// - Throws: 400 `bad_encoding` if a `%` is not followed by two hexadecimal digits.
    public func segment(_ index: Int) throws(Problem) -> [UInt8] {
        var start = pathRange.lowerBound
        for _ in 0..<index { start = segmentEnd(from: start) }
        precondition(index == 0 || start < pathRange.upperBound, "the path has no segment \(index)")
        let end = segmentEnd(from: start)
        guard start < end else { return [] }
        guard let decoded = PercentEncoding.decode(target[(start + 1)..<end]) else {
            throw .badEncoding("the path is not valid percent-encoding")
        }
        return decoded
    }

    /// The end of the segment whose slash is at `start`.
    func segmentEnd(from start: Int) -> Int {
        var end = start + 1
        while end < pathRange.upperBound, target[end] != UInt8(ascii: "/") { end += 1 }
        return min(end, pathRange.upperBound)
    }

    // MARK: Query

    /// The decoded value of the first query item called `name`; "" if it has no value, nil if there is no such item.
    /// - Throws: 400 `bad_encoding` if the query is not valid percent-encoding.
    public func query(_ name: String) throws(Problem) -> String? {
        try queryBytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The decoded value of the first query item called `name`, as bytes, for values that need not be text.
    public func queryBytes(_ name: String) throws(Problem) -> [UInt8]? {
        try firstItem { $0.elementsEqual(name.utf8) }?.value
    }

    /// The decoded name of the first query item that is not in `names`, or nil.
    /// - Throws: 400 `bad_encoding` if the query is not valid percent-encoding.
    func queryName(notIn names: [String]) throws(Problem) -> String? {
        try firstItem { name in !names.contains { name.elementsEqual($0.utf8) } }
            .map { String(decoding: $0.name, as: UTF8.self) }
    }

    private func firstItem(
        where isWanted: (_ name: [UInt8]) -> Bool
    ) throws(Problem) -> (name: [UInt8], value: [UInt8])? {
        guard !queryRange.isEmpty else { return nil }
        for item in target[queryRange].split(separator: UInt8(ascii: "&")) {
            let equals = item.firstIndex(of: UInt8(ascii: "=")) ?? item.endIndex
            guard let name = PercentEncoding.decode(item[..<equals], isForm: true),
                let value = PercentEncoding.decode(item[min(equals + 1, item.endIndex)...], isForm: true)
            else { throw .badEncoding("the query is not valid percent-encoding") }
            if isWanted(name) { return (name, value) }
        }
        return nil
    }

    // MARK: Header

    /// The value of the header field `name`, or nil; the case of the name does not matter. Several fields with one name
    /// are joined by ", " in the order in which they were sent (RFC 9110, section 5.3).
    public func header(_ name: StaticString) -> String? {
        fields.value(name)
    }
}
