import Replication
import Tracing

/// A group of replicas that records a client span for each command that a request's task sends to a replica. Commands
/// of background work have no request, and so no span.
///
/// A command may serve several requests, for example a batch of a proposer. Its span belongs to the request whose task
/// sends it.
final class TracedReplicaGroup<AnyTracer: Tracer>: ReplicaGroup {
    private let group: any ReplicaGroup
    private let tracer: AnyTracer

    init(_ group: any ReplicaGroup, tracer: AnyTracer) {
        self.group = group
        self.tracer = tracer
    }

    func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        guard let parent = ServiceContext.current else {
            return group.send(command, to: targets, duringAdmission: duringAdmission, sink: sink)
        }
        let started = DefaultTracerClock.now
        let traced = TracedReplies<AnyTracer.Span>(sink)
        let result = group.send(command, to: targets, duringAdmission: duringAdmission, sink: traced)
        // No reply is received before this function returns.
        for replica in result.sent {
            let operation = command.verb.operation
            let name = [operation.name, operation.script].compactMap(\.self).joined(separator: " ")
            let span = tracer.startSpan(name, context: parent, ofKind: .client, at: started)
            span.updateAttributes { attributes in
                attributes["db.system.name"] = "redis"
                attributes["db.operation.name"] = operation.name
                attributes["db.stored_procedure.name"] = operation.script
                attributes["cap.replica"] = group.replicaNames[replica]
            }
            traced.spans[replica] = span
        }
        return result
    }

    // MARK: Passed on

    var replicaNames: [String] { group.replicaNames }

    var identityCheck: Command? {
        get { group.identityCheck }
        set { group.identityCheck = newValue }
    }

    var delegate: (any ReplicaGroupDelegate)? {
        get { group.delegate }
        set { group.delegate = newValue }
    }

    var available: ReplicaSet { group.available }
    var nearestFirst: [Int] { group.nearestFirst }
    func latencyNs(_ replica: Int) -> UInt64 { group.latencyNs(replica) }
    func refusesConnections(_ replica: Int) -> Bool { group.refusesConnections(replica) }
    func rejectsCommands(_ replica: Int) -> Bool { group.rejectsCommands(replica) }
}

extension Command.Verb {
    /// Names for spans, without keys and values.
    fileprivate var operation: (name: String, script: String?) {
        switch self {
        case .script(let script, _), .step(let script, _, _): ("EVALSHA", script.name)
        case .plain(let arguments): (arguments.first.map { String(decoding: $0, as: UTF8.self) } ?? "", nil)
        }
    }
}

/// Ends the span of each replica when it replies, and passes the reply on.
private final class TracedReplies<AnySpan: Span>: ReplySink {
    private let sink: any ReplySink
    /// By replica: the span of an unanswered command.
    var spans: [Int: AnySpan] = [:]

    init(_ sink: any ReplySink) { self.sink = sink }

    func receive(_ reply: Reply?, from replica: Int) {
        end(replica, error: reply == nil ? "connection_lost" : reply?.error == nil ? nil : "error_reply")
        sink.receive(reply, from: replica)
    }

    func receiveOverBudget(from replica: Int) {
        end(replica, error: "over_budget")
        sink.receiveOverBudget(from: replica)
    }

    func hold(_ reservation: ReplyReservation) { sink.hold(reservation) }

    private func end(_ replica: Int, error: String?) {
        guard let span = spans.removeValue(forKey: replica) else { return }
        if let error {
            span.updateAttributes { $0["error.type"] = error }
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }
}
