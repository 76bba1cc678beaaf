/// A permission of a token. Each endpoint needs one scope, or none.
public enum Scope: String, CaseIterable, Sendable {
    case read
    case write
    /// For the endpoints of operators, such as `/replicas`.
    case admin
    /// For the endpoints of monitoring, such as `/metrics`.
    case metrics
}

/// The authenticated sender of a request.
public struct Principal: Sendable, Equatable {
    /// For logs, the audit trail and rate limits; never a secret.
    public let name: String
    public let scopes: Set<Scope>
    /// The prefix of all keys that it may read and change; empty for all keys.
    public let keyPrefix: [UInt8]

    public init(name: String, scopes: Set<Scope>, keyPrefix: [UInt8] = []) {
        self.name = name
        self.scopes = scopes
        self.keyPrefix = keyPrefix
    }
}

/// Decides which requests reach their handler. Used on the reactor's thread only.
public protocol AccessPolicy: AnyObject {
    /// Decides when the headers are complete, before any body is buffered.
    /// - Parameter scope: the scope that the endpoint needs; nil if it is open to everybody, or if there is no such
    ///   endpoint.
    /// - Throws: the problem to respond with, instead of calling the handler.
    func check(_ request: Request, needs scope: Scope?) throws(Problem)

    /// Further header fields of the response to a request.
    func headers(for request: Request, _ response: Response) -> [Header]

    /// The problems that ``check(_:needs:)`` may throw at an endpoint, for its declaration.
    func problems(at endpoint: Endpoint) -> [DeclaredProblem]

    /// The fields that ``headers(for:_:)`` may add at an endpoint, for its declaration.
    func headers(at endpoint: Endpoint) -> [DeclaredHeader]
}
