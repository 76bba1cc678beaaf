import Replication

/// Settings of the AP engine. Times are in milliseconds. The defaults suit replicas whose network latency is a few
/// milliseconds.
public struct AvailableSettings: Sendable {
    /// Name of the group of replicas, e.g. `demo`. Replicas of another group are refused.
    public let groupName: String
    /// Signs the contexts and session tokens that clients carry. All instances of a group share it.
    public let secret: GroupSecret
    /// `NODE_ID`: the name of this instance in leases, for people who read them. It need not be unique.
    public let nodeName: String
    /// Names of the replicas at this instance's site. Reads and writes prefer them to nearer ones. Unknown names are
    /// ignored.
    public var preferredReplicas: Set<String> = []
    /// Names of replicas that are admitted although their last stored time is too old (rule A10); set by `app-ap
    /// admit`.
    public var admittedReplicas: Set<String> = []

    /// `AP_WRITE_ACKS`: how many replicas must store a write before it is acknowledged. 1 to the number of replicas.
    public var writeAcks = 1
    /// `MAX_STALENESS_MS`: an answer whose staleness is above this, or unknown, is marked `stale`.
    public var maxStalenessMs: Int64 = 5_000
    public var limits = Limits()
    public var timeouts = Timeouts()
    public var background = Background()
    public var tombstones = Tombstones()

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

extension AvailableSettings {
    /// Limits of stored siblings and hints, and of the cache of contexts.
    public struct Limits: Sendable {
        /// `AP_MAX_SIBLINGS`: a write with an old context is rejected if it would leave more concurrent values than
        /// this.
        public var maxSiblings = 32
        /// `AP_MAX_SIBLING_BYTES`: a write with an old context is rejected if it would leave more bytes of values than
        /// this. Every read returns all concurrent values.
        public var maxSiblingBytes = 4 << 20
        /// `AP_MAX_HINTS`: the most hints of one replica for one peer. Further writes store no hint, and all records
        /// must then be compared.
        public var maxHints = 1_000_000
        /// Entries in the cache of signed contexts, which saves a signature per read of a hot key.
        public var contextCacheEntries = 8_192
    }

    /// How long the engine waits for a replica before it asks another one, or gives up.
    public struct Timeouts: Sendable {
        /// `REPLICA_TIMEOUT_MS`: the deadline of one background or admission command. Also the least share of a
        /// change's remaining time for one coordinator while others are left (rule A5). Also the longest time for which
        /// a read waits for a better answer (rule A7).
        public var callMs: UInt64 = 250
        /// A read is also sent to a second replica after three times the first one's usual latency, within these
        /// bounds.
        public var minHedgeMs: UInt64 = 5
        public var maxHedgeMs: UInt64 = 50
        /// A write is tried at another coordinator after eight times the first one's usual latency, within these
        /// bounds. For a distant coordinator it is three times its latency instead, if that is longer, up to
        /// `maxMergeFenceMs`. By then the first one no longer runs the write (rule A5).
        public var minFenceMs: UInt64 = 20
        public var maxFenceMs: UInt64 = 100
        /// Bounds for the deadline fence of a merge, which limits the time from the read of a record to its merge at
        /// another replica. Within these bounds, the fence is as long as this instance has known the target.
        public var minMergeFenceMs: UInt64 = 200
        public var maxMergeFenceMs: UInt64 = 1_000
    }

    /// Settings of staleness probes, hinted handoff and anti-entropy.
    public struct Background: Sendable {
        /// Time between two staleness probes. The staleness of a healthy replica is one to two of these. For two
        /// seconds after a replica connects, probes are up to four times as frequent, so that its staleness is soon
        /// known.
        public var probeIntervalMs: UInt64 = 250
        /// Age at which hinted handoff delivers a hint. Younger hints are left to the delivery of the write itself.
        public var handoffDelayMs: UInt64 = 500
        /// Limits of one background batch: records, and bytes of their values.
        public var batchRecords = 128
        public var batchBytes = 1 << 20
        /// Time between two periodic comparisons of all records of a replica. A new incarnation or a full hint list
        /// causes further ones.
        public var antiEntropyIntervalMs: UInt64 = 600_000
    }

    /// How long tombstones are kept, and how often they are collected.
    public struct Tombstones: Sendable {
        /// `AP_TOMBSTONE_GRACE_SEC`: every replica keeps tombstones and expired values for at least this long. A
        /// restarted replica whose last stored time is older than half of this is refused. This time must be far above
        /// the difference between clocks.
        public var graceMs: Int64 = 7 * 86_400_000
        /// Time between two runs of tombstone GC.
        public var gcIntervalMs: UInt64 = 60_000
    }
}
