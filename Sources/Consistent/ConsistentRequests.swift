import Replication

/// A linearizable read of one key.
public struct ReadRequest: Sendable {
    public var key: Bytes
    /// Deadline of the whole request, in nanoseconds of the monotonic clock.
    public var deadlineNs: UInt64

    public init(key: Bytes, deadlineNs: UInt64) {
        self.key = key
        self.deadlineNs = deadlineNs
    }
}

/// The state of one key at some time between the request and its answer.
public struct ReadResult: Sendable {
    /// Nil if the key does not exist.
    public var value: Bytes?
    /// Rises with every change of the key, and never repeats. For a key without a record: 0, or the highest version of
    /// any tombstone that was collected (rule C10).
    public var version: UInt64
    /// When the value expires, in wall-clock milliseconds; nil for never.
    public var expiresMs: Int64?

    public init(value: Bytes?, version: UInt64, expiresMs: Int64? = nil) {
        self.value = value
        self.version = version
        self.expiresMs = expiresMs
    }
}

/// A condition on the current version (RFC 9110, section 13.1).
public indirect enum Precondition: Sendable, Equatable {
    /// `If-Match: "n"`: some listed version is the current one.
    case versionIs(Set<UInt64>)
    /// `If-Match: *`: the key exists.
    case exists
    /// `If-None-Match: *`: the key does not exist.
    case absent
    /// `If-None-Match: "n"`: no listed version is the current one.
    case versionIsNot(Set<UInt64>)
    /// Both header fields: each condition is met.
    case both(Precondition, Precondition)
}

/// A write or delete of one key.
public struct ChangeRequest: Sendable {
    public enum Kind: Sendable, Equatable {
        case write(Bytes)
        case delete
    }
    public var key: Bytes
    public var kind: Kind
    /// Deadline of the whole request, in nanoseconds of the monotonic clock.
    public var deadlineNs: UInt64
    /// Time to live of a written value, in milliseconds; nil for no expiry.
    public var ttlMs: Int64?
    public var precondition: Precondition?

    public init(key: Bytes, kind: Kind, deadlineNs: UInt64) {
        self.key = key
        self.kind = kind
        self.deadlineNs = deadlineNs
    }
}

/// The result of a change. The state from which it was computed is chosen (rule C5).
public enum ChangeResult: Sendable, Equatable {
    /// `replicasAcked` is the number of replicas known to have accepted the change when the client got its answer.
    case applied(version: UInt64, replicasAcked: Int)
    /// The change is a delete of a key that does not exist, so nothing changed.
    case absent(version: UInt64)
    /// The change was not applied, because the current `version` does not meet the precondition.
    case preconditionFailed(version: UInt64, exists: Bool)

    /// The version after the change, or the current one if nothing changed.
    public var version: UInt64 {
        switch self {
        case .applied(let version, _), .absent(let version), .preconditionFailed(let version, _): version
        }
    }
}
