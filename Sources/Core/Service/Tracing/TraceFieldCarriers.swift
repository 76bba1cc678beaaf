import HTTP
import Tracing

/// Gives a tracer the header fields of a request.
struct TraceFieldExtractor: Extractor {
    /// Only these fields: others, such as `baggage`, would let clients put data into the service's spans.
    func extract(key: String, from request: RequestFields) -> String? {
        switch key.lowercased() {
        case "traceparent": request.parent
        case "tracestate": request.state
        default: nil
        }
    }
}

/// The fields that a tracer reads. An invalid field is absent.
struct RequestFields: Sendable {
    let parent: String?
    let state: String?

    init(_ request: Request) {
        parent = request.header("traceparent").flatMap { TraceParent($0) == nil ? nil : $0 }
        state = request.traceState
    }
}

/// Reads from a tracer the fields that identify a span.
struct TraceFieldInjector: Injector {
    struct Fields: Sendable {
        var parent: String?
        var state: String?

        /// The span as a context of a request; nil if the tracer writes no valid `traceparent`.
        var context: TraceContext? {
            parent.flatMap(TraceParent.init).map {
                TraceContext(traceID: $0.traceID, spanID: $0.parentID, flags: $0.flags)
            }
        }

        var validState: String? { state.flatMap { TraceState.isValid($0) ? $0 : nil } }
    }

    func inject(_ value: String, forKey key: String, into fields: inout Fields) {
        switch key.lowercased() {
        case "traceparent": fields.parent = value
        case "tracestate": fields.state = value
        default: break
        }
    }
}
