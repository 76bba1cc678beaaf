import JSON

/// The declaration of one endpoint. The router enforces it, and the service's OpenAPI document shows it.
///
/// Debug builds also check every answer: one that is not declared fails an assertion.
public struct Endpoint: Sendable {
    /// The body of a request: any bytes.
    public struct Body: Sendable {
        public let summary: String
        public let example: String

        public init(_ summary: String, example: String) {
            self.summary = summary
            self.example = example
        }
    }

    /// The purpose of an endpoint, for readers and generated clients.
    public struct Text: Sendable {
        /// The name of the operation in generated clients; unique in a service.
        public var id: String
        public var summary: String
        public var details: String

        public init(id: String, _ summary: String, details: String = "") {
            self.id = id
            self.summary = summary
            self.details = details
        }
    }

    public var method: Method
    /// Such as `/write/{key}/{value}`. A parameter matches exactly one segment, which may be empty.
    public let pattern: String
    /// A short name for metrics and logs, such as `read`.
    public let operation: String
    public var text: Text
    /// The path parameters in the order of the pattern, the query parameters, and the header fields that the endpoint
    /// reads.
    public var parameters: [Parameter] = []
    /// If false, any other query parameter is rejected.
    public var ignoresOtherParameters = false
    /// Nil for an endpoint without a body; a body up to ``Router/unusedBodyBytes`` is then ignored.
    public var maxBodyBytes: Int?
    /// Nil if a body has no meaning.
    public var body: Body?
    /// The scope that the sender's token must have; nil for an endpoint that is open to everybody.
    public var scope: Scope?
    /// Whether the ``RequestLimiter`` decides on its requests; false for an endpoint that monitoring must always reach.
    public var isLimited = true
    /// All answers of the handler other than a ``Problem``.
    public var answers: [Answer] = []
    /// The problems of the handler. The ``Router`` adds its own and those of the server, the ``AccessPolicy`` and the
    /// ``RequestLimiter``.
    public var problems: [DeclaredProblem] = []

    public init(_ method: Method, _ pattern: String, operation: String, _ text: Text) {
        self.method = method
        self.pattern = pattern
        self.operation = operation
        self.text = text
    }

    /// The names of the query parameters that are accepted; nil if all are.
    var queryNames: [String]? {
        ignoresOtherParameters ? nil : parameters.filter { $0.location == .query }.map(\.name)
    }

    /// False for an endpoint of a server without an OpenAPI document, such as one of a test.
    var isDeclared: Bool { !answers.isEmpty }

    /// The declaration of HEAD, for which the router uses the route of GET. Its answers have no body.
    func head() -> Endpoint {
        var endpoint = self
        endpoint.method = .head
        endpoint.text.id += "Head"
        endpoint.text.summary += ": only the header fields"
        for index in endpoint.answers.indices {
            endpoint.answers[index].contents = []
            endpoint.answers[index].links = []
        }
        return endpoint
    }
}
