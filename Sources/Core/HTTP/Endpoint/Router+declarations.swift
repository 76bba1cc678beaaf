/// The declarations that the OpenAPI document of a server contains.
extension Router {
    /// The endpoints, and a HEAD operation for each GET.
    public var operations: [Endpoint] {
        endpoints.flatMap { $0.method == .get ? [$0, $0.head()] : [$0] }
    }

    /// The header fields that every endpoint reads, in addition to its own parameters.
    public static var commonParameters: [Parameter] { TraceFields.parameters }

    /// All problems at an endpoint, by status: those of its handler, of the policy, of the limiter and of
    /// the server.
    public func problems(at endpoint: Endpoint) -> [DeclaredProblem] {
        let all =
            endpoint.problems + (policy?.problems(at: endpoint) ?? [])
            + (endpoint.isLimited ? limiter?.problems ?? [] : []) + ServerAnswers.problems(at: endpoint)
        return all.enumerated().sorted { ($0.element.status, $0.offset) < ($1.element.status, $1.offset) }
            .map(\.element)
    }

    /// The header fields that any answer at an endpoint may have, in addition to those declared for the answer.
    public func headers(at endpoint: Endpoint) -> [DeclaredHeader] {
        ServerAnswers.headers(at: endpoint) + (policy?.headers(at: endpoint) ?? [])
            + (endpoint.isLimited ? limiter?.headers ?? [] : [])
    }

    /// Whether the declaration of an endpoint has an answer with this status, code and these header fields; called in
    /// debug builds only.
    func declares(_ response: Response, at endpoint: Endpoint) -> Bool {
        guard endpoint.isDeclared else { return true }
        let names: [String]
        if let code = response.problemCode {
            let found = problems(at: endpoint).filter { $0.status == response.status && $0.code == code }
            if found.isEmpty { return false }
            names = found.flatMap(\.headers).map(\.name)
        } else {
            let found = endpoint.answers.filter { $0.status == response.status }
            if found.isEmpty { return false }
            names = found.flatMap(\.headers).map(\.name)
        }
        return declares(response.headers.filter { !names.contains($0.name) }, at: endpoint)
    }

    /// Whether any answer at an endpoint may have these header fields; called in debug builds only.
    func declares(_ fields: [Header], at endpoint: Endpoint) -> Bool {
        guard endpoint.isDeclared, !fields.isEmpty else { return true }
        let known = Set(headers(at: endpoint).map(\.name))
        return fields.allSatisfy { known.contains($0.name) }
    }
}
