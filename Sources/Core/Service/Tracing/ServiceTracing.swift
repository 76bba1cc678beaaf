import HTTP
import Logging
import Replication
import Tracing

/// The tracer of a service. Without one, requests have IDs but no spans.
struct ServiceTracing: Sendable {
    /// Nil for a tracer that records nothing.
    private let tracer: (any Tracer)?

    init(_ tracer: any Tracer) { self.tracer = tracer is NoOpTracer ? nil : tracer }

    /// Nil if no spans are recorded.
    var spans: (any RequestSpans)? {
        tracer.map { tracer in Self.spans(tracer) }
    }

    private static func spans(_ tracer: some Tracer) -> any RequestSpans { TracedRequests(tracer) }

    /// The group that the engine sends its commands to: with spans of the commands if there is a tracer.
    func group(_ group: any ReplicaGroup) -> any ReplicaGroup {
        guard let tracer else { return group }
        return Self.traced(group, tracer)
    }

    private static func traced(_ group: any ReplicaGroup, _ tracer: some Tracer) -> any ReplicaGroup {
        TracedReplicaGroup(group, tracer: tracer)
    }
}

extension Request {
    /// The members of a log line about this request; none if it has no trace.
    var traceFields: Logger.Metadata {
        trace.map { ["trace_id": .string($0.traceID.description), "span_id": .string($0.spanIDText)] } ?? [:]
    }
}
