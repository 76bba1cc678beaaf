import Authentication
import EventLoop
import HTTP

/// Decides which requests a service accepts: by host name, by the web page that sent them, and by their token.
final class AccessControl: AccessPolicy {
    private let settings: AccessSettings
    private let serviceName: String
    /// Nil if requests need no token.
    private let authenticator: Authenticator?
    private let reports: AccessReports
    /// Allowed hosts as they were sent, so that they need not be parsed again.
    private var known: Set<String> = []

    private static let maxKnown = 64

    init(
        _ settings: AccessSettings, serviceName: String, authenticator: Authenticator?, reports: AccessReports
    ) {
        self.settings = settings
        self.serviceName = serviceName
        self.authenticator = authenticator
        self.reports = reports
    }

    func check(_ request: Request, needs scope: Scope?) throws(Problem) {
        do throws(AccessRefusal) {
            try checkHost(of: request)
            guard settings.origins.allows(request) else { throw .origin }
            if let scope { try checkToken(of: request, for: scope) }
        } catch {
            reports.refused(error, request)
            request.isAudited = true
            throw error.problem(of: serviceName)
        }
    }

    func headers(for request: Request, _ response: Response) -> [Header] {
        settings.origins.headers(for: request, response)
    }

    func problems(at endpoint: Endpoint) -> [DeclaredProblem] {
        var refusals: [AccessRefusal] = [.host]
        if !endpoint.method.isSafe { refusals.append(.origin) }
        if authenticator != nil, let scope = endpoint.scope {
            refusals += [.noToken, .token(reason: "is unknown"), .scope(scope), .throttled]
            if endpoint.parameters.contains(where: { $0.location == .path }) { refusals.append(.key) }
        }
        return refusals.map { refusal in
            let problem = refusal.problem(of: serviceName)
            let challenge = problem.headers.filter { $0.name == "WWW-Authenticate" }.map {
                DeclaredHeader($0.name, "The token that is needed (RFC 6750).", example: .string($0.value))
            }
            return DeclaredProblem(problem, headers: challenge)
        }
    }

    func headers(at endpoint: Endpoint) -> [DeclaredHeader] { settings.origins.declaredHeaders }

    /// Rejects a host that is not allowed, to prevent DNS rebinding. An HTTP/1.0 request without `Host` passes, because
    /// browsers always send a host.
    private func checkHost(of request: Request) throws(AccessRefusal) {
        guard let authority = request.authority, !known.contains(authority) else { return }
        guard settings.hosts.allows(authority) else { throw .host }
        if known.count < Self.maxKnown { known.insert(authority) }
    }

    private func checkToken(of request: Request, for scope: Scope) throws(AccessRefusal) {
        guard let authenticator else { return }
        let answer = authenticator.authenticate(
            request.header("Authorization"), from: request.client, atNs: monotonicNs())
        switch answer {
        case .principal(let principal):
            request.principal = principal
            guard principal.scopes.contains(scope) else { throw .scope(scope) }
            reports.authenticated(request)
        case .missing: throw .noToken
        case .rejected(let reason): throw .token(reason: reason)
        case .throttled: throw .throttled
        }
    }
}
