import HTTP
import InMemoryTracing
import Tracing

/// A tracer in memory that passes its spans on as exporters for OpenTelemetry do: in `traceparent`.
struct W3CTracer: Tracer {
    let spans: InMemoryTracer

    init() {
        spans = InMemoryTracer(
            idGenerator: InMemoryTracer.IDGenerator(
                nextTraceID: { TraceID(high: .random(in: 1...UInt64.max), low: 1).description },
                nextSpanID: {
                    TraceContext(
                        traceID: TraceID(high: 0, low: 1), spanID: .random(in: 1...UInt64.max), flags: []
                    ).spanIDText
                }))
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        spans.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
            line: line)
    }

    func forceFlush() {}

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let parts = parent.split(separator: "-").map(String.init)
        context.inMemorySpanContext = InMemorySpanContext(traceID: parts[1], spanID: parts[2], parentSpanID: nil)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
    }
}
