import HTTP
import JSON

/// One status of an operation as a Response Object: the declared answers and problems with this status.
struct OpenAPIResponse {
    let endpoint: Endpoint
    let status: Int
    let answers: [Answer]
    let problems: [DeclaredProblem]
    /// Header fields that any answer of the endpoint may have.
    let everywhere: [DeclaredHeader]

    var value: JSONValue {
        let summaries = answers.map(\.summary) + problems.map { "`\($0.code)`: \($0.example.detail)" }
        var value: JSONValue = ["description": .string(Self.unique(summaries).joined(separator: "\n\n"))]
        value["headers"] = .object(headers.map { JSONValue.Member($0.name, Self.value($0)) })
        let contents = contents
        if !contents.isEmpty { value["content"] = .object(contents) }
        let links = answers.flatMap(\.links)
        if !links.isEmpty { value["links"] = .object(links.map { JSONValue.Member($0.name, Self.value($0)) }) }
        return value
    }

    private static func unique(_ texts: [String]) -> [String] {
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }

    // MARK: Header fields

    /// All header fields, each once. A field is required if every answer and problem with this status has it.
    private var headers: [DeclaredHeader] {
        let kinds = answers.map(\.headers) + problems.map(\.headers)
        var headers: [DeclaredHeader] = []
        for header in kinds.joined() where !headers.contains(where: { $0.name == header.name }) {
            let isAlways = kinds.allSatisfy { $0.contains { $0.name == header.name && $0.isRequired } }
            headers.append(isAlways ? header : header.optional)
        }
        return headers + everywhere.filter { header in !headers.contains { $0.name == header.name } }
    }

    private static func value(_ header: DeclaredHeader) -> JSONValue {
        var value: JSONValue = ["description": .string(header.summary)]
        if header.isRequired { value["required"] = true }
        value["schema"] = header.schema
        value["example"] = header.example
        return value
    }

    // MARK: Bodies

    private var contents: [JSONValue.Member] {
        // An answer to HEAD has no body.
        guard endpoint.method != .head else { return [] }
        var contents = answers.flatMap(\.contents).map { content in
            var value: JSONValue = [:]
            value["schema"] = content.schema
            if !content.examples.isEmpty {
                value["examples"] = .object(
                    content.examples.map { JSONValue.Member($0.name, ["value": $0.value]) })
            }
            return JSONValue.Member(content.mediaType, value)
        }
        if !problems.isEmpty { contents.append(JSONValue.Member(ContentType.problem, problemContent)) }
        return contents
    }

    /// One schema for all problems with this status; `code` distinguishes them.
    private var problemContent: JSONValue {
        let codes = Self.unique(problems.map(\.code))
        var members = [
            Member("type", ["const": "about:blank"]),
            Member("title", ["const": .string(Response.reason(status))]),
            Member("status", ["const": .integer(Int64(status))]),
            Member("detail", ["type": "string"]),
            Member("code", ["enum": .strings(codes)]),
        ]
        if !endpoint.method.isSafe { members.append(.outcome.optional) }
        members.append(.traceID.optional)
        for member in problems.flatMap(\.members) where !members.contains(where: { $0.name == member.name }) {
            members.append(
                problems.allSatisfy { $0.members.contains { $0.name == member.name } } ? member : member.optional)
        }
        var examples: [JSONValue.Member] = []
        for problem in problems where !examples.contains(where: { $0.name == problem.code }) {
            examples.append(JSONValue.Member(problem.code, ["value": problem.example.value]))
        }
        return ["schema": Member.object(members), "examples": .object(examples)]
    }

    // MARK: Links

    private static func value(_ link: Answer.Link) -> JSONValue {
        [
            "operationId": .string(link.operation), "description": .string(link.summary),
            "parameters": .object(link.parameters.map { JSONValue.Member($0.name, .string($0.expression)) }),
        ]
    }
}

extension Member {
    /// The outcome of a change.
    static let outcome = Member(
        "outcome",
        [
            "enum": .strings(["applied", "not_applied", "unknown"]),
            "description": "`unknown`: the change may be applied, now or later, or never.",
        ])

    /// Some problems of connections have no request, and so no trace.
    static let traceID = Member(
        "trace_id",
        [
            "type": "string", "pattern": "^[0-9a-f]{32}$",
            "description": "The trace of the request, as in `traceparent`; log lines and the audit trail have it, too.",
        ])
}
