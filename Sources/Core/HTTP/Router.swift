/// One endpoint.
public struct Route {
    public let method: Method
    /// Such as `/write/{key}/{value}`: a parameter stands for one whole segment, also an empty one, and its place in the
    /// pattern is its place in ``Request/segment(_:)``.
    public let pattern: String
    /// A short name for metrics and logs, such as `read`.
    public let operation: String
    /// The query parameters it takes, any other is refused; nil where it takes all and ignores them.
    public let parameters: [String]?
    /// The longest body it takes, in bytes.
    public let maxBodyBytes: Int
    /// May throw a ``Problem``; any other error becomes 500 `internal_error`.
    public let respond: (Request) async throws -> Response
}

/// Sends requests to routes, and answers by itself where there is none: 404, 405 with `Allow`, `OPTIONS`.
///
/// HEAD goes to the route of GET; the server leaves the body out.
public final class Router: RequestHandler {
    public enum Match {
        case route(Route)
        /// The path is there, with other methods; `allow` is the value of the `Allow` field.
        case methodNotAllowed(allow: String)
        case options(allow: String)
        case notFound
    }

    /// What a request that matched no route is called in metrics: never the path, which anyone can make up.
    public static let unknownOperation = "unknown"
    public static let optionsOperation = "options"
    /// Bodies up to this are read and dropped where they mean nothing, so that the client sees the 404 and not a 413.
    public static let unusedBodyBytes = 65_536

    /// Hears of every answer, those of the server itself too.
    public var onResponse: ((_ request: Request, _ operation: String, _ response: Response) -> Void)?
    /// Hears of errors that are no ``Problem``.
    public var onUnexpectedError: ((_ request: Request, _ error: any Error) -> Void)?

    private var tree = RouteTree()
    private var routes: [Route] = []
    private var allMethods: Set<String> = ["OPTIONS"]

    public init() {}

    /// - Parameters:
    ///   - parameters: the names of the query parameters it takes; nil for any.
    ///   - maxBodyBytes: nil where the endpoint takes no body; one up to ``unusedBodyBytes`` is then ignored.
    public func add(
        _ method: Method, _ pattern: String, operation: String, parameters: [String]? = [], maxBodyBytes: Int? = nil,
        respond: @escaping (Request) async throws -> Response
    ) {
        tree.add(method, pattern, route: routes.count)
        routes.append(
            Route(
                method: method, pattern: pattern, operation: operation, parameters: parameters,
                maxBodyBytes: maxBodyBytes ?? Self.unusedBodyBytes, respond: respond))
        allMethods.insert(method.name)
        if method == .get { allMethods.insert(Method.head.name) }
    }

    public func match(_ request: Request) -> Match {
        switch tree.find(request) {
        case .route(let index):
            return .route(routes[index])
        case .otherMethods(let allow):
            return request.method == .options ? .options(allow: allow) : .methodNotAllowed(allow: allow)
        case nil:
            guard request.method == .options, request.target == [UInt8(ascii: "*")] else { return .notFound }
            return .options(allow: allMethods.sorted().joined(separator: ", "))
        }
    }

    // MARK: RequestHandler

    public func respond(to request: Request) async -> Response {
        let operation: String
        let response: Response
        switch match(request) {
        case .route(let route):
            operation = route.operation
            response = await respond(to: request, by: route)
        case .methodNotAllowed(let allow):
            operation = Self.unknownOperation
            response = Problem.methodNotAllowed(allow: allow).unseen(request.method).response
        case .options(let allow):
            operation = Self.optionsOperation
            response = Response(status: 204, headers: [Header("Allow", allow)])
        case .notFound:
            operation = Self.unknownOperation
            response = Problem.notFound(isBelowRoute: tree.goesOnBelowRoute(request)).unseen(request.method).response
        }
        onResponse?(request, operation, response)
        return response
    }

    private func respond(to request: Request, by route: Route) async -> Response {
        do throws(Problem) {
            if let known = route.parameters, let name = try request.queryName(notIn: known) {
                throw Problem.unknownParameter(name, known: known)
            }
        } catch { return error.unseen(request.method).response }
        do {
            return try await route.respond(request)
        } catch let problem as Problem {
            return problem.response
        } catch {
            onUnexpectedError?(request, error)
            return Problem.internalError.response
        }
    }

    public func maxBodyBytes(for request: Request) -> Int {
        guard case .route(let route) = match(request) else { return Self.unusedBodyBytes }
        return route.maxBodyBytes
    }

    public func refused(_ request: Request, with response: Response) {
        guard let onResponse else { return }
        guard case .route(let route) = match(request) else {
            return onResponse(request, Self.unknownOperation, response)
        }
        onResponse(request, route.operation, response)
    }
}
