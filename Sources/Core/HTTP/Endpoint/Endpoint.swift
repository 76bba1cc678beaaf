import JSON

/// The declaration of one endpoint. The router enforces it, and the service's OpenAPI document shows it.
///
/// Debug builds also check every answer: an answer that is not declared is a failed assertion.
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

    /// What an endpoint is for, for readers and generated clients.
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
    /// Such as `/write/{key}/{value}`. A parameter matches one whole segment, even an empty one.
    public let pattern: String
    /// A short name for metrics and logs, such as `read`.
    public let operation: String
    public var text: Text
    /// Those of the path, in its order, of the query, and header fields that the endpoint reads.
    public var parameters: [Parameter] = []
    /// False: any other query parameter is rejected.
    public var ignoresOtherParameters = false
    /// Nil for an endpoint without a body; a body up to ``Router/unusedBodyBytes`` is then ignored.
    public var maxBodyBytes: Int?
    /// Nil if a body has no meaning.
    public var body: Body?
    /// What the sender's token must permit; nil for an endpoint that is open to everybody.
    public var scope: Scope?
    /// The ``RequestLimiter`` decides on its requests. False for an endpoint that monitoring must always reach.
    public var isLimited = true
    /// All answers of the handler that are not a ``Problem``.
    public var answers: [Answer] = []
    /// The problems of the handler. The ``Router`` adds those of server, router, ``AccessPolicy`` and
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

    /// False for an endpoint of a server without a document, such as one of a test.
    var isDeclared: Bool { !answers.isEmpty }

    /// HEAD, which the router answers with the route of GET: without a body.
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
