/// An endpoint and its handler. Each request refers to one; a copy of the declaration would cost more than the look-up.
final class Route {
    let endpoint: Endpoint
    let respond: (Request) async throws -> Response
    /// The names of the query parameters that are accepted; nil if all are.
    let queryNames: [String]?

    init(endpoint: Endpoint, respond: @escaping (Request) async throws -> Response) {
        self.endpoint = endpoint
        self.respond = respond
        queryNames = endpoint.queryNames
    }

    var method: Method { endpoint.method }
    var pattern: String { endpoint.pattern }
    var operation: String { endpoint.operation }
}

/// Dispatches requests to routes. It responds itself to `OPTIONS`, to an unknown path (404), and to a method for which
/// the path has no route (405 with `Allow`).
///
/// HEAD uses the route of GET; the server omits the body.
public final class Router {
    enum Match {
        case route(Route)
        /// The path exists with other methods; `allow` is the value of the `Allow` field.
        case methodNotAllowed(allow: String)
        case options(allow: String)
        case notFound
    }

    /// The operation of unmatched requests in metrics. The number of their paths is unbounded, so a path is never a
    /// label.
    public static let unknownOperation = "unknown"
    public static let optionsOperation = "options"
    /// The longest body, in bytes, that an endpoint without a body ignores. A longer one gets 413 `value_too_large`.
    public static let unusedBodyBytes = 65_536

    /// If nil, every request reaches its handler.
    public var policy: (any AccessPolicy)?
    /// If nil, no client has a limit.
    public var limiter: (any RequestLimiter)?
    /// Called with the response to every request, including those that the server itself rejects.
    public var onResponse: ((_ request: Request, _ operation: String, _ response: Response) -> Void)?
    /// Called when a request is refused before its handler runs: by the policy, the limiter, the router or the server.
    public var onRefusal: ((_ request: Request, _ operation: String, _ response: Response) -> Void)?
    /// Called when the server stops while the handler of a request runs. The client gets `response`; the handler
    /// continues, and its own response is dropped.
    public var onCutOff: ((_ request: Request, _ operation: String, _ response: Response) -> Void)?
    /// Called for errors that are not a ``Problem``.
    public var onUnexpectedError: ((_ request: Request, _ error: any Error) -> Void)?

    /// All endpoints, in the order in which they were added.
    public private(set) var endpoints: [Endpoint] = []

    private let tree = RouteTree()
    private var methods: Set<Method> = []

    public init() {}

    /// Adds an endpoint, and enforces its declaration.
    /// - Parameter respond: may throw a ``Problem``; any other error becomes 500 `internal_error`.
    ///   ``Request/segment(_:)`` takes the index of a segment in the pattern.
    public func add(_ endpoint: Endpoint, respond: @escaping (Request) async throws -> Response) {
        let path = endpoint.parameters.filter { $0.location == .path }.map { "{\($0.name)}" }
        let inPattern = endpoint.pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map(String.init)
        precondition(!endpoint.isDeclared || path == inPattern, "\(endpoint.pattern) declares \(path)")
        tree.add(Route(endpoint: endpoint, respond: respond))
        methods.insert(endpoint.method)
        endpoints.append(endpoint)
    }

    /// Adds an endpoint without a declaration, for servers without an OpenAPI document.
    /// - Parameters:
    ///   - operation: a short name for metrics and logs, such as `read`.
    ///   - parameters: names of the accepted query parameters; any other is rejected. Nil accepts and ignores all.
    ///   - maxBodyBytes: nil for an endpoint without a body; a body up to ``unusedBodyBytes`` is then ignored.
    ///   - scope: the scope that the sender's token must have; nil for an endpoint that is open to everybody.
    ///   - isLimited: false for an endpoint that monitoring must always reach.
    ///   - respond: as for ``add(_:respond:)``.
    public func add(
        _ method: Method, _ pattern: String, operation: String, parameters: [String]? = [], maxBodyBytes: Int? = nil,
        needs scope: Scope? = nil, isLimited: Bool = true, respond: @escaping (Request) async throws -> Response
    ) {
        var endpoint = Endpoint(method, pattern, operation: operation, Endpoint.Text(id: operation, operation))
        endpoint.parameters = (parameters ?? []).map { Parameter.text(.query, $0, example: "a", $0) }
        endpoint.ignoresOtherParameters = parameters == nil
        endpoint.maxBodyBytes = maxBodyBytes
        endpoint.scope = scope
        endpoint.isLimited = isLimited
        add(endpoint, respond: respond)
    }

    func match(_ request: Request) -> Match {
        if let match = request.match { return match }
        let match = tree.find(request) ?? matchWithoutPath(request)
        request.match = match
        return match
    }

    /// Nil if no route has the path and method of the request.
    func endpoint(of request: Request) -> Endpoint? {
        if case .route(let route) = match(request) { route.endpoint } else { nil }
    }

    private func matchWithoutPath(_ request: Request) -> Match {
        guard request.method == .options, request.target == [UInt8(ascii: "*")] else { return .notFound }
        return .options(allow: RouteTree.allow(methods))
    }

    /// Called when the headers are complete.
    /// - Returns: the refusal of the policy or the limiter, or nil.
    func refusal(of request: Request) -> Problem? {
        do throws(Problem) {
            if let policy {
                let scope: Scope? = if case .route(let route) = match(request) { route.endpoint.scope } else { nil }
                try policy.check(request, needs: scope)
            }
        } catch { return charged(request, with: error) }
        do throws(Problem) {
            // Reads have no body, and are decided a moment later anyway.
            if let limiter, !request.method.isSafe, isLimited(request) { try limiter.check(request) }
            return nil
        } catch { return error }
    }

    /// Consumes a permit of a client whose request is refused.
    /// - Returns: the problem to respond with: the limiter's instead of `problem` if the limit is exhausted.
    func charged(_ request: Request, with problem: Problem) -> Problem {
        guard let limiter, isLimited(request) else { return problem }
        do throws(Problem) { try limiter.charge(request) } catch { return error }
        return problem
    }

    /// Whether the limiter decides on the request. `OPTIONS` is not limited, because browsers send it by themselves.
    private func isLimited(_ request: Request) -> Bool {
        switch match(request) {
        case .route(let route): route.endpoint.isLimited
        case .methodNotAllowed, .notFound: true
        case .options: false
        }
    }

    /// The fields that the policy and the limiter add to a response.
    func headers(for request: Request, _ response: Response) -> [Header] {
        let added = policy?.headers(for: request, response) ?? []
        let headers = added.isEmpty ? request.quotaFields : added + request.quotaFields
        if case .route(let route) = request.match { assert(declares(headers, at: route.endpoint)) }
        return headers
    }

    // MARK: Called by the server, on the reactor's thread

    /// Called when headers and body are complete. A response returned without suspending is sent in the same turn.
    ///
    /// If the client disconnects first, the request stays valid and the response is dropped.
    public func respond(to request: Request) async -> Response {
        var refusal: Response?
        if let limiter, isLimited(request) {
            do throws(Problem) {
                // An async call costs more than most decisions.
                if try !limiter.admitAtOnce(request) { try await limiter.admit(request) }
            } catch { refusal = error.unhandled(request.method).response }
        }
        if let refusal { onRefusal?(request, operation(of: request), refusal) }
        let response = if let refusal { refusal } else { await answer(to: request) }
        if case .route(let route) = match(request) { assert(declares(response, at: route.endpoint)) }
        onResponse?(request, operation(of: request), response)
        return response
    }

    private func operation(of request: Request) -> String {
        switch match(request) {
        case .route(let route): route.operation
        case .options: Self.optionsOperation
        case .methodNotAllowed, .notFound: Self.unknownOperation
        }
    }

    private func answer(to request: Request) async -> Response {
        switch match(request) {
        case .route(let route): await respond(to: request, by: route)
        case .options(let allow): Response(status: 204, headers: [Header("Allow", allow)])
        case .methodNotAllowed, .notFound:
            (problem(of: request) ?? .internalError).unhandled(request.method).response
        }
    }

    private func respond(to request: Request, by route: Route) async -> Response {
        do throws(Problem) {
            if let known = route.queryNames, let name = try request.queryName(notIn: known) {
                throw Problem.unknownParameter(name, known: known)
            }
        } catch {
            let refusal = error.unhandled(request.method).response
            onRefusal?(request, route.operation, refusal)
            return refusal
        }
        do {
            return try await route.respond(request)
        } catch let problem as Problem {
            return problem.response
        } catch {
            onUnexpectedError?(request, error)
            return Problem.internalError.response
        }
    }

    /// The response to a request for whose path or method there is no route; nil if there is one.
    func problem(of request: Request) -> Problem? {
        switch match(request) {
        case .route, .options: nil
        case .methodNotAllowed(let allow): .methodNotAllowed(allow: allow)
        case .notFound: .notFound(isBelowRoute: tree.goesOnBelowRoute(request))
        }
    }

    /// The longest accepted body, in bytes; called when the headers are complete and announce a body. A longer body
    /// gets 413 `value_too_large`, or 404 or 405 if there is no route. At most this much of it is buffered.
    public func maxBodyBytes(for request: Request) -> Int {
        guard case .route(let route) = match(request) else { return Self.unusedBodyBytes }
        return route.endpoint.maxBodyBytes ?? Self.unusedBodyBytes
    }

    /// Reports a response for which no handler ran: a rejection by the policy, by the limiter, or by the server itself.
    /// For metrics, logs and the audit trail.
    func refused(_ request: Request, with response: Response) {
        var operation = Self.unknownOperation
        if case .route(let route) = match(request) {
            operation = route.operation
            assert(declares(response, at: route.endpoint))
        }
        onRefusal?(request, operation, response)
        onResponse?(request, operation, response)
    }

    /// Reports that the server stops before the handler of a request has responded.
    func cutOff(_ request: Request, with response: Response) {
        onCutOff?(request, operation(of: request), response)
    }
}
