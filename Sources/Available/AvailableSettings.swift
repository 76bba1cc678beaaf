import Replication

/// Settings of the AP engine. Times are in milliseconds; the defaults suit replicas within a few milliseconds.
public struct AvailableSettings: Sendable {
    /// Name of the group of replicas, e.g. `demo`. A replica that belongs to another group is refused.
    public var groupName: String
    /// Signs the contexts and session tokens that clients carry. All instances of a group share it.
    public var secret: GroupSecret
    /// `NODE_ID`: this instance, for leases that people look at. Need not be unique.
    public var nodeName: String
    /// Replicas preferred over nearer ones, for reading and for coordinating writes: those of this instance's site. Names
    /// that are not in the group are ignored.
    public var preferredReplicas: Set<String> = []

    /// `AP_WRITE_ACKS`: distinct replicas that must have a write before it is acknowledged. 1 to the number of replicas.
    public var writeAcks = 1
    /// `MAX_STALENESS_MS`: an answer that may be older is marked `stale`.
    public var maxStalenessMs: Int64 = 5_000
    /// `AP_MAX_SIBLINGS`: a write with an old context is refused where it would leave more concurrent values than this.
    public var maxSiblings = 32
    /// `AP_MAX_SIBLING_BYTES`: the same where they would come to more bytes than this. Every read answers with all of them.
    public var maxSiblingBytes = 4 << 20
    /// `AP_MAX_HINTS`: entries of one outbox (one replica's debt to one peer). Past it the outbox is marked overflowed, and
    /// only a comparison of all records ends that.
    public var maxHints = 1_000_000

    /// How often each replica is asked what it owes. Staleness in health is one to two of these.
    public var probeIntervalMs: UInt64 = 250
    /// Deadline of one background command.
    public var callTimeoutMs: UInt64 = 250

    /// A read that has no answer after three times the replica's usual latency, but no sooner and no later than this, is
    /// sent to a second replica too.
    public var minHedgeMs: UInt64 = 5
    public var maxHedgeMs: UInt64 = 50
    /// A write that has no answer after eight times the replica's usual latency, but no sooner and no later than this, is
    /// given up at that replica, which will not run it any more, and tried at another (DESIGN A5).
    public var minFenceMs: UInt64 = 20
    public var maxFenceMs: UInt64 = 100
    /// A record on its way to another replica is not joined there later than this after it was read.
    public var mergeFenceMs: UInt64 = 1_000

    /// Debt younger than this is left to the writes that made it.
    public var handoffDelayMs: UInt64 = 500
    /// Records a background batch moves, and bytes of their values.
    public var batchRecords = 128
    public var batchBytes = 1 << 20
    /// All records of all replicas are compared this often, beside after every loss.
    public var antiEntropyIntervalMs: UInt64 = 600_000
    /// `AP_TOMBSTONE_GRACE_SEC`: tombstones and expired values are kept for at least this long on every replica, and a
    /// replica that was away for more than half of it does not get in by itself. Far above what clocks differ by.
    public var tombstoneGraceMs: Int64 = 7 * 86_400_000
    /// Between two looks at what may be collected.
    public var tombstoneGCIntervalMs: UInt64 = 60_000
    /// Replicas that get in once although they were away for too long: what `app-ap admit` gives.
    public var admittedReplicas: Set<String> = []
    /// Signed contexts remembered, so that a read of a hot key signs nothing.
    public var contextCacheEntries = 8_192

    public init(groupName: String, secret: GroupSecret, nodeName: String) {
        self.groupName = groupName
        self.secret = secret
        self.nodeName = nodeName
    }

    /// Replica names become part of vectors and key names: 1 to 64 letters, digits, `_` or `-`.
    public static func isValidReplicaName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
