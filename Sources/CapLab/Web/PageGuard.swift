import HTTP

/// Decides which requests the page's server accepts.
///
/// The page is only for users of this machine, but every web page in the user's browser can send requests to it. So the
/// `Host` must be a name of this machine (against DNS rebinding), and an `Origin` must be the page's own. Actions need
/// a token that only the page itself can read.
struct PageGuard {
    /// A token that is new at each start of the lab. Nil for a read-only page, which accepts no action except that of
    /// ``keyPath``.
    let token: String?
    private let hosts: [String]

    /// - Parameter publishedPort: the port at which the container's host reaches the page, if it differs from `port`.
    init(port: UInt16, publishedPort: UInt16? = nil, token: String?) {
        self.token = token
        // Browsers leave out the default port 80 in `Host`.
        hosts = Set([port, publishedPort ?? port]).sorted().flatMap { port in
            ["127.0.0.1", "localhost", "[::1]"].map { port == 80 ? $0 : "\($0):\(port)" }
        }
    }

    /// Headers that every response has.
    static let headers = [
        Header("X-Content-Type-Options", "nosniff"),
        Header(
            "Content-Security-Policy",
            "default-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'"),
        Header("Referrer-Policy", "no-referrer"),
        Header("Cross-Origin-Resource-Policy", "same-origin"),
    ]

    /// The path of the only change that a read-only page accepts: the choice of the key, which all its viewers share.
    static let keyPath = "/key"

    /// Checks whether a request is accepted.
    /// - Throws: 421 `unknown_host`, 403 `cross_origin`; for an action also 403 `read_only` or `bad_token`, or 415
    ///   `not_json`.
    func check(_ request: Request) throws(Problem) {
        guard let host = request.header("Host")?.lowercased(), hosts.contains(host) else {
            throw Problem(
                status: 421, code: "unknown_host",
                detail: "this is the server of \(hosts.joined(separator: ", ")) and of no other host")
        }
        if let origin = request.header("Origin"), origin.lowercased() != "http://\(host)" {
            throw Problem(
                status: 403, code: "cross_origin", detail: "requests of other pages are rejected")
        }
        // Another website may only link to this page. It may not load anything else from it.
        if request.header("Sec-Fetch-Site") == "cross-site", request.path != "/" {
            throw Problem(status: 403, code: "cross_origin", detail: "requests of other pages are rejected")
        }
        if request.method == .post { try checkAction(request) }
    }

    private func checkAction(_ request: Request) throws(Problem) {
        if let token {
            guard let given = request.header("X-Lab-Token"), Self.isEqual(given, token) else {
                throw Problem(
                    status: 403, code: "bad_token",
                    detail: "X-Lab-Token is not the token in the page; after a restart of the lab, reload the page")
            }
        } else if request.path != Self.keyPath {
            throw Problem(status: 403, code: "read_only", detail: "this page is read-only; use the command line to act")
        }
        let type = request.header("Content-Type")?.lowercased().split(separator: ";").first ?? ""
        guard type.filter({ $0 != " " && $0 != "\t" }) == ContentType.json else {
            throw Problem(status: 415, code: "not_json", detail: "the body of an action is \(ContentType.json)")
        }
    }

    /// Compares in a time that does not depend on where the texts differ.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
