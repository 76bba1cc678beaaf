import Available
import Replication

extension APSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        /// Nil chooses three or forty by the seed. Few keys have more concurrent writes per key; with many keys, more faults
        /// affect the last write of a key, which no later write covers.
        public var keys: Int?
        public var faults: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .isolated, .reset, .slowLink, .slowDisk, .pause,
            .replicaCrash, .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        public var meanFaultGapMs: UInt64 = 50
        /// Before the first operation and fault. After a second, blank replicas are compared, which also copies what was lost
        /// until then; nil chooses by the seed whether that has ended.
        public var warmUpMs: UInt64?
        /// Mean pause of a client between two operations: long enough for several probes, handoffs and comparisons per history.
        public var meanPauseUs: UInt64 = 20_000
        /// Upper bound of the mean latency of each link between an instance and a replica; nil for the usual one.
        public var maxLatencyMeanUs: UInt64?
        /// Bandwidth of each link between an instance and a replica; nil for no limit.
        public var bytesPerMs: UInt64?
        /// Approximate size of each value; 0 for a few bytes.
        public var valueBytes = 0
        /// Percentage of worlds whose replicas have room for one or two hints.
        public var fewHints: UInt64 = 25
        /// All records are compared every few seconds; nil chooses by the seed.
        public var isComparingOften: Bool?
        /// `fsync` before each reply; nil chooses by the seed.
        public var isSyncAlways: Bool?
        /// Percentage of the chosen data losses that happen.
        public var forgetting: UInt64 = 40
        /// Percentage chance of each dump, newest first, to be restored.
        public var newestDumps: UInt64 = 15
        /// Reads and deletes per ten operations.
        public var reads: UInt64 = 4
        public var deletes: UInt64 = 1
        /// Percentage of reads in a session that require it.
        public var requiredSessions: UInt64 = 10
        /// Percentage of writes that expire.
        public var expiring: UInt64 = 10
        public var maxTtlMs: UInt64 = 2_000
        /// The grace period; the engine's default of a week is longer than every history.
        public var tombstoneGraceMs: Int64 = 7 * 86_400_000
        /// Upper bound of clock skew; nil for no bound.
        public var maxSkewMs: Int64?
        /// How long commands may be held on a link; they arrive afterwards.
        public var maxHoldMs: UInt64 = 700
        /// Nil chooses one to three by the seed, three rarely.
        public var writeAcks: Int?
        /// Percentage of worlds with a low limit of concurrent values.
        public var fewSiblings: UInt64 = 20
        /// Percentage of reads with a staleness limit.
        public var freshReads: UInt64 = 10
        /// A world that is not over by this virtual time counts as hung.
        public var limitMs: UInt64 = 900_000
    }
}
