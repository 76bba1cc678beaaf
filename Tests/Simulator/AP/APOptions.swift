import Available
import EventLoop
import Replication

extension APSimulation {
    public struct Options: Sendable {
        public var operations = 500
        public var instances = 2
        public var clients = 5
        /// The number of keys. Nil: 3 or 40, as the seed decides. With few keys, there are more concurrent writes per
        /// key. With many keys, faults more often lose the last write of a key, and no later write hides the loss.
        public var keys: Int?
        public var faults = Faults()
        public var requests = Requests()
        public var engine = Engine()
        var links = Links()
    }

    /// The network between each instance and each replica.
    public struct Links: Sendable {
        /// The highest mean latency of a link in one direction, in microseconds. Each link gets a random mean up to it.
        /// Nil: the usual latency for every link.
        var maxLatencyMeanUs: UInt64?
        /// Bandwidth of each link in one direction, in bytes per millisecond; nil for no limit.
        var bytesPerMs: UInt64?
    }

    public struct Faults: Sendable {
        public var kinds: [FaultKind] = [
            .cut, .cutThere, .cutBack, .flapping, .isolated, .isolated, .reset, .slowLink, .slowDisk, .pause,
            .replicaCrash, .instanceCrash, .scriptFlush, .clockJump, .wipe, .restore,
        ]
        var meanGapMs: UInt64 = 50
        /// Milliseconds before the first operation. Faults begin at least 100 ms later. During the first second,
        /// anti-entropy compares the blank replicas, and would repair what faults lose then. Nil: 100 or 3,000, as the
        /// seed decides.
        var warmUpMs: UInt64?
        /// Chance in percent that a wipe or a restore happens when the planner chooses it. By default it is below 100,
        /// because each loss of data causes a comparison of all records.
        var forgetting: UInt64 = 40
        /// Chance in percent that a dump is restored. The planner tries the dumps of a replica from the newest to the
        /// oldest.
        var newestDumps: UInt64 = 15
        /// The largest offset of a replica's clock after a jump, in milliseconds; nil for no limit.
        var maxSkewMs: Int64?
        /// The longest time for which `cutThere` holds the commands on a link, in milliseconds. They arrive afterwards.
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
        /// How many of ten operations are reads, on average.
        var reads: UInt64 = 4
        /// How many of ten operations are deletes, on average.
        var deletes: UInt64 = 1
        /// How many percent of the writes expire.
        var expiring: UInt64 = 10
        var maxTtlMs: UInt64 = 2_000
        /// How many percent of the reads and deletes in a session require the session.
        var requiredSessions: UInt64 = 10
        /// How many percent of the reads have a staleness limit.
        var freshReads: UInt64 = 10
        /// True if no change may fail, because the faults leave each instance one replica that answers. A required
        /// session that cannot be met may still fail.
        var mustChange = false
        /// The highest staleness that any read may report, in milliseconds, because the faults leave one replica that
        /// is this fresh. Nil for no limit.
        var maxStalenessMs: Int64?
    }

    public struct Engine: Sendable {
        /// In how many percent of the worlds each hint list is limited to one or two hints.
        var fewHints: UInt64 = 25
        /// True if anti-entropy runs every 3 s, false if every 10 minutes; nil if the seed decides.
        var isComparingOften: Bool?
        /// True if a replica syncs its disk before each reply; nil if the seed decides.
        var isSyncAlways: Bool?
        /// The grace period of tombstones, in milliseconds. By default it is the engine's, a week, which is longer than
        /// every history.
        var tombstoneGraceMs: Int64 = 7 * 86_400_000
        /// `AP_WRITE_ACKS`. Nil: the seed decides, with 1 and 2 twice as likely as 3.
        var writeAcks: Int?
        /// In how many percent of the worlds a key may have only one to three siblings.
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
