import Replication

/// A read of one key.
public struct ReadRequest: Sendable {
    public var key: Bytes
    /// Monotonic deadline of the whole request.
    public var deadlineNs: UInt64
    /// Fail with `too_stale` instead of returning an older answer.
    public var maxStalenessMs: Int64?
    public var session = SessionRequest()

    public init(key: Bytes, deadlineNs: UInt64, maxStalenessMs: Int64? = nil) {
        self.key = key
        self.deadlineNs = deadlineNs
        self.maxStalenessMs = maxStalenessMs
    }
}

/// What a replica, or several of them joined, store for one key.
public struct ReadResult: Sendable {
    /// Nil if the key does not exist.
    public var value: Bytes?
    /// A signed causal context (version vector) that covers ``value`` and ``conflicts``.
    public var version: String
    /// Upper bound of the age of the answer; nil if unknown.
    public var stalenessMs: Int64?
    /// True if ``stalenessMs`` is above `MAX_STALENESS_MS` or unknown.
    public var isStale: Bool
    /// When the value expires, by wall clock; nil for never.
    public var expiresMs: Int64?
    /// All concurrent values, the winner first, if there is more than one.
    public var conflicts: [Bytes?] = []
    /// The replica that answered; nil if several did.
    public var replica: String?
    public var session = SessionAnswer()

    public init(value: Bytes?, version: String, stalenessMs: Int64?, isStale: Bool) {
        self.value = value
        self.version = version
        self.stalenessMs = stalenessMs
        self.isStale = isStale
    }
}

/// A write or delete of one key.
public struct ChangeRequest: Sendable {
    public enum Kind: Sendable, Equatable {
        case write(Bytes)
        case delete
    }
    public var key: Bytes
    public var kind: Kind
    /// Monotonic deadline of the whole request.
    public var deadlineNs: UInt64
    /// Time to live of a written value; nil for no expiry.
    public var ttlMs: Int64?
    /// The `version` of an earlier answer, which this change overwrites.
    public var context: String?
    public var session = SessionRequest()

    public init(key: Bytes, kind: Kind, deadlineNs: UInt64) {
        self.key = key
        self.kind = kind
        self.deadlineNs = deadlineNs
    }
}

/// A change that is applied, or a delete that found nothing.
public struct ChangeResult: Sendable, Equatable {
    /// A signed causal context (version vector) that covers all values that the key has now.
    public var version: String
    /// Replicas known to store it when it was acknowledged.
    public var replicasAcked: Int
    /// False for a delete of a key that did not exist.
    public var existed: Bool
    /// The values that a write without a context replaced, newest first, without the newest: a plain overwrite means to
    /// replace that one. Empty if there was one value.
    public var overwritten: [Bytes?] = []
    /// All values that the key has now, the winner first, if it has more than one.
    public var conflicts: [Bytes?] = []
    /// The replica that coordinated it.
    public var replica: String?
    public var session = SessionAnswer()

    public init(version: String, replicasAcked: Int, existed: Bool) {
        self.version = version
        self.replicasAcked = replicasAcked
        self.existed = existed
    }
}

/// What a request requires of its session: that reads show the session's own writes, and never less than it has read
/// before.
public struct SessionRequest: Sendable, Equatable {
    /// The token of the session's last answer; nil if the request belongs to no session.
    public var token: String?
    /// Fail with `session_unmet` instead of answering without the guarantee.
    public var isRequired: Bool

    public init(token: String? = nil, isRequired: Bool = false) {
        self.token = token
        self.isRequired = isRequired
    }
}

/// What an answer says about its session.
public struct SessionAnswer: Sendable, Equatable {
    /// Replaces the token of the request.
    public var token: String?
    /// Nil if the request had no token: there was nothing to guarantee.
    public var isGuaranteed: Bool?

    public init() {}
}

/// Why a request failed.
public struct AvailableFailure: Error, Sendable, Equatable {
    public var reason: StoreFailure
    /// Staleness of the freshest replica, for `too_stale`; nil if unknown.
    public var stalenessMs: Int64?
    /// The change that is applied although too few replicas acknowledged it, for `insufficient_acks`.
    public var applied: ChangeResult?

    public init(_ code: StoreFailure.Code, _ detail: String, outcome: Outcome? = nil) {
        reason = StoreFailure(code, detail, outcome: outcome)
    }

    public var code: StoreFailure.Code { reason.code }
    public var detail: String { reason.detail }
    public var outcome: Outcome? { reason.outcome }
}
