/// The outcome of a change that failed (the problem member `outcome`).
public enum Outcome: String, Sendable {
    /// The change took effect.
    case applied
    /// The change did not take effect and never will.
    case notApplied = "not_applied"
    /// The change may have taken effect, may still take effect, or may never take effect.
    case unknown
}

/// Why an engine rejected a request, with the stable code that clients match on.
public struct StoreFailure: Error, Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        case noQuorum = "no_quorum"
        case noReplica = "no_replica"
        case replicasBlank = "replicas_blank"
        case rebuilding
        case insufficientAcks = "insufficient_acks"
        case overloaded
        case timeout
        case preconditionFailed = "precondition_failed"
        case tooStale = "too_stale"
        case tooManySiblings = "too_many_siblings"
        case badContext = "bad_context"
        case badToken = "bad_token"
        case sessionUnmet = "session_unmet"
        case badReply = "bad_reply"
        case replicaFull = "replica_full"

        /// The code for an error reply. Full memory or a full disk has its own code, because an operator must act.
        public init(_ error: ServerError) { self = error.kind == .full ? .replicaFull : .badReply }
    }

    public let code: Code
    /// One sentence for people.
    public let detail: String
    /// The outcome of a change; nil for reads.
    public let outcome: Outcome?

    public init(_ code: Code, _ detail: String, outcome: Outcome? = nil) {
        self.code = code
        self.detail = detail
        self.outcome = outcome
    }
}
