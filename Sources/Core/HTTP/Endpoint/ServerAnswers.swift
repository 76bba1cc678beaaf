import JSON

/// The request fields of a trace, which every endpoint reads.
enum TraceFields {
    static let example: JSONValue = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    static let stateExample: JSONValue = "vendor=value"

    /// Their schemas permit any text, because invalid fields are ignored.
    static let parameters: [Parameter] = [
        .text(
            .header, "traceparent", example: example,
            "The caller's span and its trace (W3C Trace Context). An invalid one is ignored: a new trace begins."),
        .text(
            .header, "tracestate", example: stateExample,
            "Data of tracing systems; an invalid one, or one above 512 bytes or 32 members, is dropped."),
    ]
}

/// The responses of the server and the router at every endpoint, besides those of its handler, the ``AccessPolicy`` and
/// the ``RequestLimiter``.
enum ServerAnswers {
    /// Problems at `endpoint`.
    static func problems(at endpoint: Endpoint) -> [DeclaredProblem] {
        var problems: [Problem] = [
            .malformed("the request must have one Host field"),
            .valueTooLarge(maxBytes: endpoint.maxBodyBytes ?? Router.unusedBodyBytes),
            Problem(status: 414, code: "target_too_long", detail: "the request line is too long"),
            Problem(status: 431, code: "headers_too_large", detail: "the header block is too long"),
            .internalError,
            Problem(status: 501, code: "not_supported", detail: "the only transfer encoding is chunked"),
            .overloaded("too many requests in flight"),
            .unavailable("stopping", "the service is stopping"),
            Problem(status: 505, code: "version_not_supported", detail: "the version must be 1.1 or 1.0"),
        ]
        if let known = endpoint.queryNames {
            problems.append(.badEncoding("the query is not valid percent-encoding"))
            problems.append(.unknownParameter("ttl", known: known))
        }
        return problems.map { DeclaredProblem($0) } + endpoint.parameters.compactMap(\.problem)
    }

    /// Header fields that any answer at `endpoint` may have, in addition to those declared for the answer.
    static func headers(at endpoint: Endpoint) -> [DeclaredHeader] {
        let always = [
            DeclaredHeader(
                "Date", "When the answer was generated.", example: "Sun, 29 Nov 2026 20:41:07 GMT", isRequired: false),
            DeclaredHeader(
                "Content-Length", "Length of the body in bytes.", schema: ["type": "integer", "minimum": 0],
                example: 64,
                isRequired: false),
            DeclaredHeader(
                "Connection", "`close`: the connection is closed after this answer.", example: "close",
                isRequired: false),
            // Some rejections are written directly to the connection, without these fields.
            DeclaredHeader(
                "X-Content-Type-Options", "Browsers must not guess the content type.", schema: ["const": "nosniff"],
                example: "nosniff", isRequired: false),
            DeclaredHeader(
                "Cross-Origin-Resource-Policy", "Web pages of other origins must not embed the answer.",
                schema: ["const": "same-origin"], example: "same-origin", isRequired: false),
            DeclaredHeader(
                "Strict-Transport-Security", "With TLS: browsers use HTTPS for this host for a year (RFC 6797).",
                example: "max-age=31536000", isRequired: false),
            DeclaredHeader(
                "Vary", "The request fields on which the answer depends.", example: "Accept", isRequired: false),
            DeclaredHeader(
                "traceparent", "The span of the service and its trace (W3C Trace Context).",
                schema: ["type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$"],
                example: TraceFields.example, isRequired: false),
            DeclaredHeader(
                "tracestate", "The `tracestate` of the request, if it and the `traceparent` are valid.",
                example: TraceFields.stateExample, isRequired: false),
        ]
        guard endpoint.method.isSafe else { return always }
        return always + [
            DeclaredHeader(
                "Cache-Control", "Whether caches may store the answer.", example: "no-store", isRequired: false)
        ]
    }
}
