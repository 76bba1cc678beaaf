import Replication

/// A read of one key.
public struct ReadRequest: Sendable {
    public var key: Bytes
    /// Monotonic deadline of the whole request.
    public var deadlineNs: UInt64
    /// If set, a read fails with `too_stale` instead of returning an answer whose staleness is above this or unknown.
    public var maxStalenessMs: Int64?
    public var session = SessionRequest()

    public init(key: Bytes, deadlineNs: UInt64, maxStalenessMs: Int64? = nil) {
        self.key = key
        self.deadlineNs = deadlineNs
        self.maxStalenessMs = maxStalenessMs
    }
}

/// The content of one key: the record of one replica, or the joined records of several replicas.
public struct ReadResult: Sendable {
    /// Nil if the key does not exist.
    public var value: Bytes?
    /// A signed causal context (version vector) that covers ``value`` and ``conflicts``.
    public var version: String
    /// The staleness of the answer in milliseconds: it reflects every write that any replica stored longer ago than
    /// this. Nil if unknown.
    public var stalenessMs: Int64?
    /// True if ``stalenessMs`` is above `MAX_STALENESS_MS` or unknown.
    public var isStale: Bool
    /// When the value expires, in milliseconds since 1970; nil for never.
    public var expiresMs: Int64?
    /// All concurrent values if there is more than one, otherwise empty. The first one is also ``value``. A nil stands
    /// for a delete or an expired value.
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
    /// The `version` of an earlier answer: this change replaces the values that it covers. If nil, the change replaces
    /// all values that its coordinator holds.
    public var context: String?
    public var session = SessionRequest()

    public init(key: Bytes, kind: Kind, deadlineNs: UInt64) {
        self.key = key
        self.kind = kind
        self.deadlineNs = deadlineNs
    }
}

/// An applied change, or a delete that found nothing.
public struct ChangeResult: Sendable, Equatable {
    /// A signed causal context (version vector). It covers all values of the key at the coordinator after the change.
    /// If there was nothing to delete, it covers what the replicas that answered have seen.
    public var version: String
    /// How many replicas are known to have stored the change when it was acknowledged; 1 for a delete that found
    /// nothing.
    public var replicasAcked: Int
    /// False for a delete of a key that did not exist.
    public var existed: Bool
    /// The values that a write without a context replaced, newest first. The newest itself is left out: an overwrite is
    /// meant to replace that one. Empty if there was only one value. A nil stands for a delete.
    public var overwritten: [Bytes?] = []
    /// All values of the key at the coordinator after the change if there is more than one, otherwise empty. The one
    /// with the highest dot is first.
    public var conflicts: [Bytes?] = []
    /// The replica that coordinated the change.
    public var replica: String?
    public var session = SessionAnswer()

    public init(version: String, replicasAcked: Int, existed: Bool) {
        self.version = version
        self.replicasAcked = replicasAcked
        self.existed = existed
    }
}

/// The session of a request. A guaranteed answer shows the session's own writes, and never less than the session has
/// read before.
public struct SessionRequest: Sendable, Equatable {
    /// The token of the session's last answer; nil if the request belongs to no session.
    public var token: String?
    /// True: fail with `session_unmet` instead of answering without the guarantee. The exception is a change that was
    /// applied before its new vector turned out to be too long for the token.
    public var isRequired: Bool

    public init(token: String? = nil, isRequired: Bool = false) {
        self.token = token
        self.isRequired = isRequired
    }
}

/// The session's new token, and whether the answer has the session guarantees.
public struct SessionAnswer: Sendable, Equatable {
    /// The client sends this token instead of the old one with its next request.
    public var token: String?
    /// Whether the answer has the session guarantees. Nil if the request had no token, so that nothing had to be
    /// guaranteed.
    public var isGuaranteed: Bool?

    public init() {}
}

/// Why a request failed.
public struct AvailableFailure: Error, Sendable, Equatable {
    public var reason: StoreFailure
    /// For `too_stale`: the lowest known staleness of a reachable replica, in milliseconds; nil if none is known.
    public var stalenessMs: Int64?
    /// For `insufficient_acks`: the change, which is applied although too few replicas acknowledged it.
    public var applied: ChangeResult?

    public init(_ code: StoreFailure.Code, _ detail: String, outcome: Outcome? = nil) {
        reason = StoreFailure(code, detail, outcome: outcome)
    }

    public var code: StoreFailure.Code { reason.code }
    public var detail: String { reason.detail }
    public var outcome: Outcome? { reason.outcome }
}
