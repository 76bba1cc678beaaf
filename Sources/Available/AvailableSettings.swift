import Replication

/// Settings of the AP engine. Times are in milliseconds; the defaults suit replicas within a few milliseconds.
public struct AvailableSettings: Sendable {
    /// Name of the group of replicas, e.g. `demo`. Replicas of another group are refused.
    public let groupName: String
    /// Signs the contexts and session tokens that clients carry. All instances of a group share it.
    public let secret: GroupSecret
    /// `NODE_ID`: names this instance in leases, for people. Need not be unique.
    public let nodeName: String
    /// The replicas of this instance's site, preferred over nearer ones for reads and as coordinators. Unknown names
    /// are ignored.
    public var preferredReplicas: Set<String> = []
    /// Replicas that are admitted although they were away for too long; set by `app-ap admit`.
    public var admittedReplicas: Set<String> = []

    /// `AP_WRITE_ACKS`: replicas that must store a write before it is acknowledged. 1 to the number of replicas.
    public var writeAcks = 1
    /// `MAX_STALENESS_MS`: answers that may be older are marked `stale`.
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
    /// Limits of what is stored and cached.
    public struct Limits: Sendable {
        /// `AP_MAX_SIBLINGS`: a write with an old context is rejected if it would leave more concurrent values than
        /// this.
        public var maxSiblings = 32
        /// `AP_MAX_SIBLING_BYTES`: the same for the bytes of all concurrent values, because every read returns all of
        /// them.
        public var maxSiblingBytes = 4 << 20
        /// `AP_MAX_HINTS`: hints of one replica for one peer. Beyond that the hints are marked overflowed until all
        /// records have been compared.
        public var maxHints = 1_000_000
        /// Size of the cache of signed contexts, so that a read of a hot key signs nothing.
        public var contextCacheEntries = 8_192
    }

    /// How long the engine waits for a replica before it asks another one, or gives up.
    public struct Timeouts: Sendable {
        /// `REPLICA_TIMEOUT_MS`: deadline of one background or admission command. Also the least time for which a
        /// change is tried at a replica while others are left (A5). And the limit of how long a read is held back (A7).
        public var callMs: UInt64 = 250
        /// A read without an answer after three times the replica's usual latency, within these bounds, is sent to a
        /// second replica too.
        public var minHedgeMs: UInt64 = 5
        public var maxHedgeMs: UInt64 = 50
        /// A write without an answer after eight times the replica's usual latency, within these bounds, is tried at
        /// another coordinator. The first one no longer runs it (rule A5).
        public var minFenceMs: UInt64 = 20
        public var maxFenceMs: UInt64 = 100
        /// The longest time between the read of a record and its merge at another replica. The first applies if the
        /// target was admitted a moment ago, the second once it has been known for that long.
        public var minMergeFenceMs: UInt64 = 200
        public var maxMergeFenceMs: UInt64 = 1_000
    }

    /// Staleness probes, hinted handoff and anti-entropy.
    public struct Background: Sendable {
        /// Time between two staleness probes. Staleness in health is one to two of these. For two seconds after a
        /// replica has connected, probes are four times as frequent, so that its staleness is known soon.
        public var probeIntervalMs: UInt64 = 250
        /// Younger hints are left to the writes that stored them.
        public var handoffDelayMs: UInt64 = 500
        /// Limits of one background batch: records, and bytes of their values.
        public var batchRecords = 128
        public var batchBytes = 1 << 20
        /// Time between two comparisons of all records, in addition to those after a loss.
        public var antiEntropyIntervalMs: UInt64 = 600_000
    }

    /// How long tombstones are kept, and how often they are collected.
    public struct Tombstones: Sendable {
        /// `AP_TOMBSTONE_GRACE_SEC`: every replica keeps tombstones and expired values for at least this long. A
        /// replica that was away for more than half of it is refused. Far above the difference between clocks.
        public var graceMs: Int64 = 7 * 86_400_000
        /// Time between two runs of tombstone GC.
        public var gcIntervalMs: UInt64 = 60_000
    }
}
