/// What a token may be used for. Each route needs one of them, or none.
public enum Scope: String, CaseIterable, Sendable {
    case read
    case write
    /// What only operators see, such as the replicas.
    case admin
    /// What monitoring reads.
    case metrics
}

/// The authenticated sender of a request.
public struct Principal: Sendable, Equatable {
    /// For logs, the audit trail and rate limits; never a secret.
    public let name: String
    public let scopes: Set<Scope>
    /// The keys that it may read and change begin with this; empty for all.
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
    /// - Parameter scope: what the route needs; nil if it is open to everybody, or if there is no such route.
    /// - Throws: the response instead of the handler's.
    func check(_ request: Request, needs scope: Scope?) throws(Problem)

    /// Further header fields of the response to a request.
    func headers(for request: Request, _ response: Response) -> [Header]

    /// What ``check(_:needs:)`` may throw at an endpoint, for its declaration.
    func problems(at endpoint: Endpoint) -> [DeclaredProblem]

    /// What ``headers(for:_:)`` may add at an endpoint, for its declaration.
    func headers(at endpoint: Endpoint) -> [DeclaredHeader]
}
