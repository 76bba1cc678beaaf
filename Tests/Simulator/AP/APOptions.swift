import Available
import EventLoop
import Replication

extension APSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        /// Nil: three or forty, as the seed decides. With few keys there are more concurrent writes per key. With many
        /// keys, faults more often affect the last write of a key, which no later write covers.
        public var keys: Int?
        public var faults = Faults()
        public var requests = Requests()
        public var engine = Engine()
        var links = Links()
    }

    /// The network between each instance and each replica.
    public struct Links: Sendable {
        /// Upper bound for the mean latency of each link, in microseconds; nil for the usual latency.
        var maxLatencyMeanUs: UInt64?
        /// Bandwidth of each link, in bytes per millisecond; nil for no limit.
        var bytesPerMs: UInt64?
    }

    public struct Faults: Sendable {
        public var kinds: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .isolated, .reset, .slowLink, .slowDisk, .pause,
            .replicaCrash, .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        var meanGapMs: UInt64 = 50
        /// Time before the first operation and fault. During the first second, the blank replicas are compared, which
        /// also copies what faults have lost. Nil: the seed decides whether the faults begin before or after that.
        var warmUpMs: UInt64?
        /// How many percent of the chosen data losses happen. A low value, because each loss causes a comparison of all
        /// records.
        var forgetting: UInt64 = 40
        /// Chance in percent that a dump is restored, tried from the newest dump to the oldest.
        var newestDumps: UInt64 = 15
        /// The largest offset of a replica's clock, in milliseconds; nil for no limit.
        var maxSkewMs: Int64?
        /// The longest time for which a link holds commands, in milliseconds. They arrive afterwards.
        var maxHoldMs: UInt64 = 700

        func limits(in world: World, aheadMs: Int64) -> FaultPlanner.Limits {
            FaultPlanner.Limits(
                mayForget: { _ in world.random.isTrue(percent: forgetting) },
                mayRestore: { _, _ in world.random.isTrue(percent: newestDumps) },
                maxSkewMs: maxSkewMs, aheadMs: aheadMs, maxHoldMs: maxHoldMs)
        }
    }

    /// The requests that the clients send.
    public struct Requests: Sendable {
        /// Mean pause of a client between two operations, in microseconds. It is long enough for several probes,
        /// handoffs and comparisons per history.
        var meanPauseUs: UInt64 = 20_000
        /// Approximate size of each value in bytes; 0 for a few bytes.
        var valueBytes = 0
        /// How many of ten operations are reads.
        var reads: UInt64 = 4
        /// How many of ten operations are deletes.
        var deletes: UInt64 = 1
        /// How many percent of the writes expire.
        var expiring: UInt64 = 10
        var maxTtlMs: UInt64 = 2_000
        /// How many percent of the reads in a session require the session.
        var requiredSessions: UInt64 = 10
        /// How many percent of the reads have a staleness limit.
        var freshReads: UInt64 = 10
        /// True if each change must be applied, because the faults leave each instance one replica that answers.
        var mustChange = false
        /// The staleness limit for all plain answers, because the faults leave one replica that is this fresh. Nil for
        /// no limit.
        var maxStalenessMs: Int64?
    }

    public struct Engine: Sendable {
        /// In how many percent of the worlds the replicas have room for only one or two hints.
        var fewHints: UInt64 = 25
        /// True if all records are compared every few seconds; nil if the seed decides.
        var isComparingOften: Bool?
        /// True if a replica syncs its disk before each reply; nil if the seed decides.
        var isSyncAlways: Bool?
        /// The grace period of tombstones. By default it is the engine's, a week, which is longer than every history.
        var tombstoneGraceMs: Int64 = 7 * 86_400_000
        /// Nil: one to three, as the seed decides, and rarely three.
        var writeAcks: Int?
        /// In how many percent of the worlds the limit of concurrent values is low.
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
