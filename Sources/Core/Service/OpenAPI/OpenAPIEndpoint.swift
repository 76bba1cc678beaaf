import ByteCoding
import Crypto
import HTTP
import JSON

/// `/openapi.json`: the OpenAPI document of the service, built once, when all routes are known.
final class OpenAPIEndpoint {
    private var body: [UInt8] = []
    private var tag = ""

    func addRoute(to router: Router) {
        router.add(Self.endpoint) { [self] in answer($0) }
    }

    /// Builds the document. Must be called after all routes have been added.
    func build(from router: Router, settings: ServiceSettings, summary: String) {
        let document = OpenAPIDocument(of: router, isAuthenticated: settings.access.authentication.isOn)
        var json = JSONWriter(capacity: 256 << 10)
        json.value(document.value(serviceName: "app-\(settings.mode.rawValue)", summary: summary))
        body = json.line()
        tag = "\"" + Base64URL.encode(Array(SHA256.hash(data: body).prefix(12))) + "\""
    }

    private func answer(_ request: Request) -> Response {
        let headers = [Header("ETag", tag)]
        var response = Response(contentType: ContentType.json, headers: headers, body: body)
        response.cacheControl = "no-cache"
        // Weak comparison (RFC 9110, section 13.1.2). No tag of this service contains a comma.
        let known = request.header("If-None-Match")?.split(separator: ",").map { item in
            let text = item.filter { $0 != " " && $0 != "\t" }
            return text.hasPrefix("W/") ? String(text.dropFirst(2)) : text
        }
        if let known, known.contains(tag) || known == ["*"] { response.status = 304 }
        return response
    }

    private static var endpoint: Endpoint {
        var endpoint = Endpoint(
            .get, "/openapi.json", operation: "openapi", Endpoint.Text(id: "openapi", "This document"))
        endpoint.parameters = [
            .text(
                .header, "If-None-Match", example: "\"dGhlIGRvY3VtZW50\"", "The `ETag` of the client's copy.")
        ]
        let tag = DeclaredHeader("ETag", "Changes with the document.", example: "\"dGhlIGRvY3VtZW50\"")
        endpoint.answers = [
            Answer(
                200, "The document", headers: [tag],
                [
                    Answer.Content(
                        ContentType.json,
                        schema: ["type": "object", "required": ["openapi", "info", "paths", "components"]])
                ]),
            Answer(304, "The client has the document", headers: [tag]),
        ]
        return endpoint
    }
}
