import EventLoop

/// Gives each request of a server its place in a trace: the trace of its caller, or a new one. Used on the reactor's
/// thread only.
public final class RequestTraces {
    private var random: Generators
    /// Nil if no spans are recorded.
    private let spans: (any RequestSpans)?

    /// Two generators, so that all 16 bytes of an ID are random: two instances practically never start equal traces.
    private struct Generators {
        var high: SplitMix64
        var low: SplitMix64

        mutating func nextTraceID() -> TraceID { TraceID(high: high.next(), low: Self.notZero(low.next())) }
        mutating func nextSpanID() -> UInt64 { Self.notZero(low.next()) }
        private static func notZero(_ bits: UInt64) -> UInt64 { bits == 0 ? 1 : bits }

        mutating func nextContext() -> TraceContext {
            TraceContext(traceID: nextTraceID(), spanID: nextSpanID(), flags: [])
        }
    }

    /// - Parameters:
    ///   - random: where the IDs come from. Used twice.
    ///   - spans: records the span of each request; nil for none.
    public init(random: inout some RandomNumberGenerator, spans: (any RequestSpans)? = nil) {
        self.random = Generators(high: SplitMix64(seed: random.next()), low: SplitMix64(seed: random.next()))
        self.spans = spans
    }

    /// - Returns: a new span in the trace of the caller if the request has a valid `traceparent`, otherwise in a new
    ///   trace. A new trace is not sampled, because nothing records it.
    func context(of head: RequestHead) -> TraceContext {
        guard head.hasTraceParent, let parent = head.fields.value("traceparent").flatMap(TraceParent.init) else {
            return random.nextContext()
        }
        return TraceContext(traceID: parent.traceID, spanID: random.nextSpanID(), flags: parent.flags)
    }

    /// Called when the header block is complete, or malformed, and the request has its context.
    /// - Parameter route: of the request; nil if it has none.
    func begin(_ request: Request, _ head: RequestHead, route: () -> Endpoint?) {
        if head.hasTraceParent { request.traceState = Self.state(of: head) }
        guard let spans else { return }
        let span = spans.start(for: request, at: route())
        request.span = span
        guard let context = span.context else { return }
        request.trace = context
        request.traceState = span.state ?? request.traceState
    }

    /// Without a valid `traceparent`, the `tracestate` is ignored (section 4.3, "Mutating the traceparent field").
    private static func state(of head: RequestHead) -> String? {
        guard head.fields.value("traceparent").flatMap(TraceParent.init) != nil,
            let state = head.fields.value("tracestate")
        else { return nil }
        return TraceState.isValid(state) ? state : nil
    }
}

/// Records one span for each request, for example with a tracer that exports them.
public protocol RequestSpans: AnyObject {
    /// - Parameter endpoint: of the request; nil if it has none.
    func start(for request: Request, at endpoint: Endpoint?) -> any RequestSpan
}

/// The span of one request.
public protocol RequestSpan: AnyObject {
    /// The IDs of the span, if they can be sent in a `traceparent` field. They replace those of the request.
    var context: TraceContext? { get }

    /// The span's `tracestate`; nil for that of the caller.
    var state: String? { get }

    /// Runs the handler so that the spans that it starts are children of this one.
    func run(_ handler: () async -> Response) async -> Response

    /// Called exactly once.
    /// - Parameter response: nil if the client disconnected before it got one.
    func end(with response: Response?)
}
