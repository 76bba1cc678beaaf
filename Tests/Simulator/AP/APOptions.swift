import Available
import EventLoop
import Replication

extension APSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        /// Nil chooses three or forty by the seed. Few keys have more concurrent writes per key; with many keys, more
        /// faults affect the last write of a key, which no later write covers.
        public var keys: Int?
        public var faults = Faults()
        public var requests = Requests()
        public var engine = Engine()
        var links = Links()
    }

    /// The network between each instance and each replica.
    public struct Links: Sendable {
        /// Upper bound of the mean latency of each; nil for the usual one.
        var maxLatencyMeanUs: UInt64?
        /// Bandwidth of each; nil for no limit.
        var bytesPerMs: UInt64?
    }

    public struct Faults: Sendable {
        public var kinds: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .isolated, .reset, .slowLink, .slowDisk, .pause,
            .replicaCrash, .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        var meanGapMs: UInt64 = 50
        /// Before the first operation and fault. After a second, blank replicas are compared, which also copies what
        /// was lost until then; nil chooses by the seed whether that has ended.
        var warmUpMs: UInt64?
        /// Percentage of the chosen data losses that happen. Low, because each costs a comparison of all records.
        var forgetting: UInt64 = 40
        /// Percentage chance of each dump, newest first, to be restored.
        var newestDumps: UInt64 = 15
        /// Upper bound of clock skew; nil for no bound.
        var maxSkewMs: Int64?
        /// How long commands may be held on a link; they arrive afterwards.
        var maxHoldMs: UInt64 = 700

        func limits(in world: World, aheadMs: Int64) -> FaultPlanner.Limits {
            FaultPlanner.Limits(
                mayForget: { _ in world.random.isTrue(percent: forgetting) },
                mayRestore: { _, _ in world.random.isTrue(percent: newestDumps) },
                maxSkewMs: maxSkewMs, aheadMs: aheadMs, maxHoldMs: maxHoldMs)
        }
    }

    /// What the clients ask for.
    public struct Requests: Sendable {
        /// Mean pause of a client between two operations: long enough for several probes, handoffs and comparisons per
        /// history.
        var meanPauseUs: UInt64 = 20_000
        /// Approximate size of each value; 0 for a few bytes.
        var valueBytes = 0
        /// Reads and deletes per ten operations.
        var reads: UInt64 = 4
        var deletes: UInt64 = 1
        /// Percentage of writes that expire.
        var expiring: UInt64 = 10
        var maxTtlMs: UInt64 = 2_000
        /// Percentage of reads in a session that require it.
        var requiredSessions: UInt64 = 10
        /// Percentage of reads with a staleness limit.
        var freshReads: UInt64 = 10
        /// The faults leave one replica that answers every instance: each change must be applied.
        var mustChange = false
        /// The faults leave one replica that is this fresh: no plain answer may be staler. Nil for no limit.
        var maxStalenessMs: Int64?
    }

    public struct Engine: Sendable {
        /// Percentage of worlds whose replicas have room for one or two hints.
        var fewHints: UInt64 = 25
        /// All records are compared every few seconds; nil chooses by the seed.
        var isComparingOften: Bool?
        /// `fsync` before each reply; nil chooses by the seed.
        var isSyncAlways: Bool?
        /// The grace period; the engine's default of a week is longer than every history.
        var tombstoneGraceMs: Int64 = 7 * 86_400_000
        /// Nil chooses one to three by the seed, three rarely.
        var writeAcks: Int?
        /// Percentage of worlds with a low limit of concurrent values.
        public var fewSiblings: UInt64 = 20

        func settings(_ random: inout SplitMix64) -> AvailableSettings {
            var settings = AvailableSettings(
                groupName: AdversarialClient.groupName, secret: AdversarialClient.secret, nodeName: "sim")
            settings.writeAcks = writeAcks ?? 1 + random.index(5) / 2
            settings.tombstones.graceMs = tombstoneGraceMs
            settings.tombstones.gcIntervalMs = 500
            settings.background.antiEntropyIntervalMs = isComparingOften ?? random.isTrue(percent: 50) ? 3_000 : 600_000
            if random.isTrue(percent: fewHints) { settings.limits.maxHints = 1 + random.index(2) }
            if random.isTrue(percent: fewSiblings) { settings.limits.maxSiblings = 1 + random.index(3) }
            return settings
        }
    }
}
