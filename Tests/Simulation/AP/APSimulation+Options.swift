import Available
import Replication

extension APSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        /// Nil draws three or forty by the seed: many writes of one key meet in more ways, and the last write of a key, which
        /// nothing covers any more, is met by more of the faults where there are many keys.
        public var keys: Int?
        public var faults: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .isolated, .reset, .slowLink, .slowDisk, .pause,
            .replicaCrash, .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        public var meanFaultGapMs: UInt64 = 50
        /// Before the first operation and fault. Blank replicas are compared after a second, which brings everywhere what was
        /// forgotten until then; nil draws whether that is over.
        public var warmUpMs: UInt64?
        /// Of a client between two operations: long enough for several polls, drains and walks within a history.
        public var meanPauseUs: UInt64 = 20_000
        /// The mean latency of each way between an instance and a replica is drawn up to this; nil for the usual one.
        public var maxLatencyMeanUs: UInt64?
        /// What each way between an instance and a replica carries in a millisecond; nil for any amount.
        public var bytesPerMs: UInt64?
        /// Of each value, about; 0 for a few.
        public var valueBytes = 0
        /// Of a hundred worlds, so many have outboxes that hold a key or two.
        public var smallOutboxes: UInt64 = 25
        /// All records are compared every few seconds; nil draws it by the seed.
        public var isWalkingOften: Bool?
        /// `fsync` before each answer; nil draws it by the seed.
        public var isSyncAlways: Bool?
        /// Of a hundred losses of memory that are drawn, so many happen.
        public var forgetting: UInt64 = 40
        /// Of a hundred dumps, newest first, so many are taken.
        public var newestDumps: UInt64 = 15
        /// Of ten operations, so many are reads and so many are deletes.
        public var reads: UInt64 = 4
        public var deletes: UInt64 = 1
        /// Of a hundred reads in a session, so many insist on it.
        public var insisting: UInt64 = 10
        /// Of a hundred writes, so many expire.
        public var expiring: UInt64 = 10
        public var maxTtlMs: UInt64 = 2_000
        /// How long tombstones are kept; the engine's week outlasts every history.
        public var tombstoneGraceMs: Int64 = 7 * 86_400_000
        /// Clocks are never further off than this; nil lets them wander.
        public var maxSkewMs: Int64?
        /// For how long a way may be cut in the direction of its replica; what was sent arrives afterwards.
        public var maxHoldMs: UInt64 = 700
        /// Nil draws one to three by the seed, three seldom.
        public var writeAcks: Int?
        /// Of a hundred worlds, so many refuse a write that would leave more values than a few.
        public var fewSiblings: UInt64 = 20
        /// Of a hundred reads, so many want no answer that may be older than some while.
        public var freshReads: UInt64 = 10
        /// Past this virtual time a world is taken as hung.
        public var limitMs: UInt64 = 900_000
    }
}
