import JSON

/// A declared answer of an ``Endpoint``.
public struct Answer: Sendable {
    /// One representation of the answer.
    public struct Content: Sendable {
        public var mediaType: String
        /// JSON Schema 2020-12; nil for bytes.
        public var schema: JSONValue?
        /// Examples, each with a short name.
        public var examples: [(name: String, value: JSONValue)]

        public init(_ mediaType: String, schema: JSONValue? = nil, examples: [(name: String, value: JSONValue)] = []) {
            self.mediaType = mediaType
            self.schema = schema
            self.examples = examples
        }

        /// A JSON object.
        public static func object(_ members: [Member], example: JSONValue) -> Content {
            Content(ContentType.json, schema: Member.object(members), examples: [("usual", example)])
        }
    }

    /// A next request, whose parameters can be taken from the answer (OpenAPI 3.1, section 4.8.20).
    public struct Link: Sendable {
        public var name: String
        /// ``Endpoint/Text/id`` of the next request.
        public var operation: String
        public var summary: String
        /// The parameters of the next request, such as `path.key`, as runtime expressions.
        public var parameters: [(name: String, expression: String)]

        public init(
            _ name: String, to operation: String, _ summary: String,
            _ parameters: [(name: String, expression: String)]
        ) {
            self.name = name
            self.operation = operation
            self.summary = summary
            self.parameters = parameters
        }
    }

    public var status: Int
    public var summary: String
    public var headers: [DeclaredHeader]
    public var contents: [Content]
    public var links: [Link]

    public init(
        _ status: Int, _ summary: String, headers: [DeclaredHeader] = [], _ contents: [Content] = [],
        links: [Link] = []
    ) {
        self.status = status
        self.summary = summary
        self.headers = headers
        self.contents = contents
        self.links = links
    }
}

/// A declared header field of an answer.
public struct DeclaredHeader: Sendable {
    public var name: String
    public var summary: String
    public var schema: JSONValue
    public var example: JSONValue
    /// Whether every answer with this status has the field.
    public var isRequired: Bool

    public init(
        _ name: String, _ summary: String, schema: JSONValue = ["type": "string"], example: JSONValue,
        isRequired: Bool = true
    ) {
        self.name = name
        self.summary = summary
        self.schema = schema
        self.example = example
        self.isRequired = isRequired
    }

    /// The same field, which only some answers have.
    public var optional: DeclaredHeader {
        var header = self
        header.isRequired = false
        return header
    }

    static let retryAfter = DeclaredHeader(
        "Retry-After", "Seconds to wait before the next attempt.", schema: ["type": "integer", "minimum": 1],
        example: 1)
}

/// A declared member of a JSON object.
public struct Member: Sendable {
    public var name: String
    public var schema: JSONValue
    public var isRequired: Bool

    public init(_ name: String, _ schema: JSONValue, isRequired: Bool = true) {
        self.name = name
        self.schema = schema
        self.isRequired = isRequired
    }

    /// The same member, which only some answers have.
    public var optional: Member { Member(name, schema, isRequired: false) }

    /// The schema of an object with exactly these members.
    public static func object(_ members: [Member]) -> JSONValue {
        [
            "type": "object",
            "properties": .object(members.map { JSONValue.Member($0.name, $0.schema) }),
            "required": .strings(members.filter(\.isRequired).map(\.name)),
            "additionalProperties": false,
        ]
    }
}

/// A declared ``Problem``, given by an example.
public struct DeclaredProblem: Sendable {
    public var example: Problem
    /// The members that not every problem has.
    public var members: [Member]
    public var headers: [DeclaredHeader]

    public var status: Int { example.status }
    public var code: String { example.code }

    /// - Parameters:
    ///   - members: all but `outcome`, which every problem of a change may have.
    ///   - headers: all but `Retry-After`, which is added if the example has it.
    public init(_ example: Problem, members: [Member] = [], headers: [DeclaredHeader] = []) {
        self.example = example
        self.members = members
        self.headers = headers
        if example.headers.contains(where: { $0.name == DeclaredHeader.retryAfter.name }) {
            self.headers.append(.retryAfter)
        }
    }
}
