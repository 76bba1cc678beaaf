/// The web pages whose requests a server accepts (RFC 6454; the Fetch standard, "CORS protocol").
///
/// A browser sends a page's requests to any server, but by default it shows the page only the responses of its own
/// origin. So pages of other origins cannot read. The server must reject their changes, because the browser withholds
/// only the response to a change, not the change.
public struct AllowedOrigins: Sendable {
    /// Other origins whose pages may send all requests.
    private let origins: Set<String>

    /// How long a browser may cache the response to a preflight request, in seconds.
    private static let maxAgeS = 600
    private static let requestFields =
        "Accept, Authorization, Content-Type, If-Match, If-None-Match, X-Context, X-Session-Token, traceparent, tracestate"
    private static let responseFields = [
        "ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Conflicts", "X-Context", "X-Replica", "X-Session",
        "X-Session-Token", "X-Stale", "X-Staleness-Ms", "traceparent", "tracestate",
    ].joined(separator: ", ")

    /// - Parameter origins: such as `https://example.org`, in any case.
    public init(_ origins: [String]) { self.origins = Set(origins.map { $0.lowercased() }) }

    /// Whether `text` is an origin: a scheme, a host and an optional port.
    public static func isOrigin(_ text: String) -> Bool {
        for scheme in ["http://", "https://"] where text.lowercased().hasPrefix(scheme) {
            let host = text.dropFirst(scheme.count)
            return !host.isEmpty && !host.contains { "/?#@ *".contains($0) }
        }
        return false
    }

    /// False for a change that a page of another origin requests, unless this origin is in the list. A request without
    /// `Origin` and `Sec-Fetch-Site` is allowed, because it does not come from a page of a current browser.
    public func allows(_ request: Request) -> Bool {
        guard !request.method.isSafe else { return true }
        if let origin = request.header("Origin")?.lowercased() { return !isForeign(origin, to: request) }
        guard let site = request.header("Sec-Fetch-Site") else { return true }
        return ["same-origin", "none"].contains(site)
    }

    private func isForeign(_ origin: String, to request: Request) -> Bool {
        if origins.contains(origin) { return false }
        guard let own = request.authority?.lowercased() else { return true }
        return origin != "http://\(own)" && origin != "https://\(own)"
    }

    /// The declaration of ``headers(for:_:)``, except for OPTIONS, which is not an endpoint.
    public var declaredHeaders: [DeclaredHeader] {
        guard !origins.isEmpty else { return [] }
        return [
            DeclaredHeader(
                "Access-Control-Allow-Origin", "The origin of the request, if its pages may read the answer.",
                example: "https://example.org", isRequired: false),
            DeclaredHeader(
                "Access-Control-Expose-Headers", "The fields that these pages may read.",
                example: .string(Self.responseFields), isRequired: false),
        ]
    }

    /// The fields that allow the pages of the listed origins to read the response; none if the list is empty.
    public func headers(for request: Request, _ response: Response) -> [Header] {
        guard !origins.isEmpty else { return [] }
        // Caches must not serve the response for one origin to another.
        let vary = Header("Vary", "Origin")
        guard let origin = request.header("Origin"), origins.contains(origin.lowercased()) else { return [vary] }
        var headers = [
            vary, Header("Access-Control-Allow-Origin", origin),
            Header("Access-Control-Expose-Headers", Self.responseFields),
        ]
        if request.method == .options, let methods = response.headers.first(where: { $0.name == "Allow" })?.value {
            headers.append(Header("Access-Control-Allow-Methods", methods))
            headers.append(Header("Access-Control-Allow-Headers", Self.requestFields))
            headers.append(Header("Access-Control-Max-Age", String(Self.maxAgeS)))
        }
        return headers
    }
}
