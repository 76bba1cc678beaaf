import HTTP
import JSON

/// The OpenAPI 3.1 document of a service, from the routes that it serves (https://spec.openapis.org/oas/v3.1.1).
struct OpenAPIDocument {
    /// An endpoint with its answers.
    private struct Operation {
        let endpoint: Endpoint
        let responses: [(status: Int, value: JSONValue)]
    }

    private let operations: [Operation]
    private let isAuthenticated: Bool
    /// The responses that several operations have, with their names.
    private var shared: [(name: String, response: JSONValue)] = []

    private static let bearer = "bearer"
    private static let description = """
        Generated from the routes of the running service. OPTIONS gets 204 with `Allow`, any other method of a path \
        gets 405 `method_not_allowed` with `Allow`, and any other path gets 404 `not_found`. A path is split at its \
        slashes before it is percent-decoded. Keys and values may be any bytes. A later version may add members to \
        the answers.
        """

    /// - Parameters:
    ///   - router: must already have all of its routes.
    ///   - isAuthenticated: whether requests need a token.
    init(of router: Router, isAuthenticated: Bool) {
        self.isAuthenticated = isAuthenticated
        operations = router.operations.map { endpoint in
            Operation(endpoint: endpoint, responses: Self.responses(of: endpoint, router))
        }
        shared = Self.shared(operations)
    }

    private static func responses(of endpoint: Endpoint, _ router: Router) -> [(status: Int, value: JSONValue)] {
        let problems = router.problems(at: endpoint)
        let everywhere = router.headers(at: endpoint)
        return Set(endpoint.answers.map(\.status) + problems.map(\.status)).sorted().map { status in
            let response = OpenAPIResponse(
                endpoint: endpoint, status: status, answers: endpoint.answers.filter { $0.status == status },
                problems: problems.filter { $0.status == status }, everywhere: everywhere)
            return (status, response.value)
        }
    }

    /// The responses that are used more than once. As components, they reduce the document to a third of its length.
    private static func shared(_ operations: [Operation]) -> [(name: String, response: JSONValue)] {
        var uses: [JSONValue: Int] = [:]
        var numbers: [String: Int] = [:]
        var shared: [(name: String, response: JSONValue)] = []
        for (status, value) in operations.flatMap(\.responses) {
            uses[value, default: 0] += 1
            guard uses[value] == 2 else { continue }
            let reason = Response.reason(status).filter { $0 != " " }
            numbers[reason, default: 0] += 1
            shared.append((reason + (numbers[reason] == 1 ? "" : "\(numbers[reason, default: 0])"), value))
        }
        return shared
    }

    /// - Parameters:
    ///   - serviceName: `app-cp` or `app-ap`.
    ///   - summary: one sentence about the service.
    func value(serviceName: String, summary: String) -> JSONValue {
        var components: JSONValue = [
            "parameters": .object(Router.commonParameters.map { JSONValue.Member($0.name, Self.value($0)) }),
            "responses": .object(shared.map { JSONValue.Member($0.name, $0.response) }),
        ]
        if isAuthenticated {
            components["securitySchemes"] = .object([
                JSONValue.Member(
                    Self.bearer,
                    [
                        "type": "http", "scheme": "bearer",
                        "description": "A token of `AUTH_TOKENS_FILE` or a JSON Web Token with the operation's scope.",
                    ])
            ])
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": .string(serviceName), "version": .string(ServiceVersion.current),
                "summary": .string(summary), "description": .string(Self.description),
                "license": ["name": "Apache License 2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]],
            "paths": paths,
            "components": components,
        ]
    }

    private var paths: JSONValue {
        let names = Dictionary(uniqueKeysWithValues: shared.map { ($0.response, $0.name) })
        var paths: JSONValue = [:]
        for operation in operations {
            var path = paths[operation.endpoint.pattern] ?? [:]
            path[operation.endpoint.method.name.lowercased()] = value(operation, names)
            paths[operation.endpoint.pattern] = path
        }
        return paths
    }

    private func value(_ operation: Operation, _ names: [JSONValue: String]) -> JSONValue {
        let endpoint = operation.endpoint
        var value: JSONValue = ["operationId": .string(endpoint.text.id), "summary": .string(endpoint.text.summary)]
        if !endpoint.text.details.isEmpty { value["description"] = .string(endpoint.text.details) }
        value["parameters"] = .array(
            endpoint.parameters.map(Self.value) + Router.commonParameters.map { Self.reference("parameters", $0.name) })
        value["requestBody"] = endpoint.body.map(Self.value)
        value["responses"] = .object(
            operation.responses.map { status, response in
                let reference = names[response].map { Self.reference("responses", $0) }
                return JSONValue.Member(String(status), reference ?? response)
            })
        if isAuthenticated, let scope = endpoint.scope {
            value["security"] = [.object([JSONValue.Member(Self.bearer, [.string(scope.rawValue)])])]
        }
        return value
    }

    private static func reference(_ kind: String, _ name: String) -> JSONValue {
        ["$ref": .string("#/components/\(kind)/\(name)")]
    }

    private static func value(_ body: Endpoint.Body) -> JSONValue {
        let content: JSONValue = ["schema": ["type": "string", "format": "binary"], "example": .string(body.example)]
        return [
            "description": .string(body.summary),
            "content": .object([JSONValue.Member(ContentType.octets, content)]),
        ]
    }

    private static func value(_ parameter: Parameter) -> JSONValue {
        var value: JSONValue = [
            "name": .string(parameter.name), "in": .string(parameter.location.rawValue),
            "description": .string(parameter.summary),
        ]
        if parameter.location == .path { value["required"] = true }
        value["schema"] = parameter.schema
        value["example"] = parameter.example
        return value
    }
}
