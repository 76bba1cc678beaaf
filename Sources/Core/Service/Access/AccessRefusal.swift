import HTTP

/// Why the access checks refused a request.
enum AccessRefusal: Error, Equatable {
    case host
    case origin
    case noToken
    /// - reason: the end of a sentence that begins with "the token".
    case token(reason: String)
    case scope(Scope)
    case key
    case throttled

    /// The label in metrics, and the code in the audit trail.
    var name: String {
        switch self {
        case .host: "host"
        case .origin: "origin"
        case .noToken: "no_token"
        case .token: "token"
        case .scope: "scope"
        case .key: "key"
        case .throttled: "throttled"
        }
    }

    static let names = ["host", "origin", "no_token", "token", "scope", "key", "throttled"]

    /// - Parameter service: the realm (RFC 6750, section 3).
    func problem(of service: String) -> Problem {
        switch self {
        case .host:
            return Problem(
                status: 421, code: "unknown_host",
                detail: "this service does not serve the host in the request; ALLOWED_HOSTS names those that it serves")
        case .origin:
            return Problem(
                status: 403, code: "cross_origin",
                detail: "changes from the web pages of other origins are rejected")
        case .noToken:
            return Problem(
                status: 401, code: "no_token", detail: "this needs a token: Authorization: Bearer TOKEN"
            ).with([Header("WWW-Authenticate", "Bearer realm=\"\(service)\"")])
        case .token(let reason):
            let challenge =
                "Bearer realm=\"\(service)\", error=\"invalid_token\", error_description=\"the token \(reason)\""
            return Problem(status: 401, code: "invalid_token", detail: "the token \(reason)")
                .with([Header("WWW-Authenticate", challenge)])
        case .scope(let scope):
            let challenge = "Bearer realm=\"\(service)\", error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""
            return Problem(
                status: 403, code: "insufficient_scope",
                detail: "the token does not have the scope '\(scope.rawValue)'"
            ).with([Header("WWW-Authenticate", challenge)])
        case .key:
            return Problem(
                status: 403, code: "key_not_permitted", detail: "the token is for keys with another beginning")
        case .throttled:
            return Problem(
                status: 429, code: "rate_limited", detail: "too many wrong tokens came from this address",
                retryAfterS: 1)
        }
    }
}
