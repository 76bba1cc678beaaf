/// What became of a change that did not return normally (RFC-style problem member `outcome`).
public enum Outcome: String, Sendable {
    /// It took effect.
    case applied
    /// It did not take effect and never will.
    case notApplied = "not_applied"
    /// It may or may not have taken effect, or may still do so.
    case unknown
}

/// A refusal of an engine, with the stable code that clients match on.
public struct StoreFailure: Error, Sendable, Equatable {
    public enum Code: String, Sendable {
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

        /// What a server's error comes to: a memory or disk that is full is for its operator to mend, and has a name.
        public init(ofServerError text: String) {
            let isFull = text.hasPrefix("OOM ") || text.contains("No space left on device")
            self = isFull ? .replicaFull : .badReply
        }
    }

    public let code: Code
    /// One sentence for people.
    public let detail: String
    /// For changes only: what became of it. Nil for reads.
    public let outcome: Outcome?
    /// The version a precondition was compared with, where that was the reason.
    public var currentVersion: Version?
    /// Replicas that acknowledged, where some but too few did.
    public var replicasAcked: Int?
    /// Staleness at the replica that was asked, where that was the reason.
    public var stalenessMs: Int64?
    /// AP: what the change came to where it is in, though too few acknowledged it.
    public var applied: ChangeResult?

    public init(_ code: Code, _ detail: String, outcome: Outcome? = nil) {
        self.code = code
        self.detail = detail
        self.outcome = outcome
    }
}

/// A version as clients see it.
public enum Version: Sendable, Hashable {
    /// CP: the number of changes of the key, which is also its ETag.
    case counter(UInt64)
    /// AP: a signed causal context (version vector).
    case context(String)
}

/// One key's read.
public struct ReadRequest: Sendable {
    public var key: Bytes
    /// Monotonic deadline of the whole request.
    public var deadlineNs: UInt64
    /// AP: refuse with `too_stale` rather than answer older than this.
    public var maxStalenessMs: Int64?
    /// AP only.
    public var session = SessionRequest()

    public init(key: Bytes, deadlineNs: UInt64, maxStalenessMs: Int64? = nil) {
        self.key = key
        self.deadlineNs = deadlineNs
        self.maxStalenessMs = maxStalenessMs
    }
}

/// What a read found.
public struct ReadResult: Sendable {
    /// Nil where the key does not exist.
    public var value: Bytes?
    public var version: Version
    /// Upper bound of how old the answer may be; 0 where reads are linearizable, nil where it is not known.
    public var stalenessMs: Int64?
    /// True where ``stalenessMs`` is above `MAX_STALENESS_MS` or unknown.
    public var isStale: Bool
    /// When the value expires, by wall clock; nil for never.
    public var expiresMs: Int64?
    /// AP: all concurrent values, the winner first, where there is more than one.
    public var conflicts: [Bytes?] = []
    /// The replica that answered, where it was one.
    public var replica: String?
    /// AP only.
    public var session = SessionAnswer()

    public init(value: Bytes?, version: Version, stalenessMs: Int64?, isStale: Bool) {
        self.value = value
        self.version = version
        self.stalenessMs = stalenessMs
        self.isStale = isStale
    }
}

/// A condition on the current version (RFC 9110, section 13.1).
public enum Precondition: Sendable, Equatable {
    /// `If-Match: "n"`: some listed version is the current one.
    case versionIs(Set<UInt64>)
    /// `If-Match: *`: the key exists.
    case exists
    /// `If-None-Match: *`: the key does not exist.
    case absent
    /// `If-None-Match: "n"`: no listed version is the current one.
    case versionIsNot(Set<UInt64>)
}

/// One key's change.
public struct ChangeRequest: Sendable {
    public enum Kind: Sendable, Equatable {
        case write(Bytes)
        case delete
    }
    public var key: Bytes
    public var kind: Kind
    /// Monotonic deadline of the whole request.
    public var deadlineNs: UInt64
    /// Time to live; nil for ever.
    public var ttlMs: Int64?
    /// CP only.
    public var precondition: Precondition?
    /// AP only: the `version` of an earlier answer, which this change supersedes.
    public var context: String?
    /// AP only.
    public var session = SessionRequest()

    public init(key: Bytes, kind: Kind, deadlineNs: UInt64) {
        self.key = key
        self.kind = kind
        self.deadlineNs = deadlineNs
    }
}

/// An acknowledged change.
public struct ChangeResult: Sendable, Equatable {
    public var version: Version
    /// Replicas known to hold it when it was acknowledged.
    public var replicasAcked: Int
    /// False for a delete of a key that did not exist.
    public var existed: Bool
    /// AP: values that this change replaced without having seen them, newest first.
    public var overwritten: [Bytes?] = []
    /// AP: all values that the key now has, the winner first, where it has more than one: ``version`` covers them all.
    public var conflicts: [Bytes?] = []
    /// AP: the replica that coordinated it.
    public var replica: String?
    /// AP only.
    public var session = SessionAnswer()

    public init(version: Version, replicasAcked: Int, existed: Bool) {
        self.version = version
        self.replicasAcked = replicasAcked
        self.existed = existed
    }
}

/// A replicated key-value store: what each engine is to the layers above it.
public protocol ReplicatedStore: AnyObject {
    /// - Throws: ``StoreFailure``.
    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult
    /// - Throws: ``StoreFailure``, always with an `outcome`.
    func change(_ request: ChangeRequest) async throws(StoreFailure) -> ChangeResult
}
