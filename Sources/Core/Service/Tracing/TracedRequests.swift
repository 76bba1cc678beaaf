import HTTP
import Tracing

/// Starts one server span of a tracer for each request, as a child of the caller's span. Its attributes have the names
/// of OpenTelemetry's semantic conventions for HTTP servers. Keys, values and addresses of clients are no part of it.
final class TracedRequests<AnyTracer: Tracer>: RequestSpans {
    private let tracer: AnyTracer

    init(_ tracer: AnyTracer) { self.tracer = tracer }

    func start(for request: Request, at endpoint: Endpoint?) -> any RequestSpan {
        let method = MethodName(request.method)
        // The number of methods and patterns is bounded, as that of names should be.
        let name = [method.isKnown ? method.attribute : "HTTP", endpoint?.pattern].compactMap(\.self).joined(
            separator: " ")
        var parent = ServiceContext.topLevel
        tracer.extract(RequestFields(request), into: &parent, using: TraceFieldExtractor())
        let span = tracer.startSpan(name, context: parent, ofKind: .server)
        span.updateAttributes { attributes in
            attributes["http.request.method"] = method.attribute
            attributes["http.route"] = endpoint?.pattern
        }
        var fields = TraceFieldInjector.Fields()
        tracer.inject(span.context, into: &fields, using: TraceFieldInjector())
        return TracedRequest(span, fields)
    }
}

/// The span of one request.
private final class TracedRequest<AnySpan: Span>: RequestSpan {
    let context: TraceContext?
    let state: String?
    private let span: AnySpan

    /// - Parameter fields: as the tracer sends them to others.
    init(_ span: AnySpan, _ fields: TraceFieldInjector.Fields) {
        self.span = span
        context = fields.context
        state = fields.validState
    }

    func run(_ handler: () async -> Response) async -> Response {
        await ServiceContext.$current.withValue(span.context) { await handler() }
    }

    func end(with response: Response?) {
        span.updateAttributes { attributes in
            guard let response else {
                // The client disconnected.
                attributes["error.type"] = "client_disconnected"
                return
            }
            attributes["http.response.status_code"] = response.status
            if response.status >= 400 { attributes["error.type"] = response.problemCode ?? String(response.status) }
        }
        // A server's span fails by its own fault only (OpenTelemetry, "HTTP spans", "Status").
        if let response, response.status >= 500 { span.setStatus(SpanStatus(code: .error)) }
        span.end()
    }
}

/// The name of a method in spans. Clients can send any method, so unknown ones have one name.
private struct MethodName {
    let attribute: String
    let isKnown: Bool

    private static let known: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE",
    ]

    init(_ method: HTTP.Method) {
        isKnown = Self.known.contains(method.name)
        attribute = isKnown ? method.name : "_OTHER"
    }
}
