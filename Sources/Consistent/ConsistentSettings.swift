/// Settings of the CP engine.
public struct ConsistentSettings: Sendable {
    /// The group's name. Every script on registers carries it, and a replica of another group rejects the call.
    public var groupName = "cp"
    /// The most operations that wait or run in this instance, not counting reads in one round trip. Further ones fail
    /// as `overloaded`.
    public var maxPending = 10_000
    /// The most operations of one key that run in one batch.
    public var maxBatch = 128
    /// The longest pause before a failed attempt is repeated, in milliseconds.
    public var maxBackoffMs: UInt64 = 64
    /// A one-round-trip read asks the nearest majority first, and the other replicas after at least this many
    /// milliseconds.
    public var readHedgeMs: UInt64 = 5
    public var background = Background()
    public var probes = Probes()

    public init() {}

    /// Settings of the background work: probes, rebuild and repair.
    public struct Background: Sendable {
        /// The pause after each background step (a probe, a rebuild or a repair), in milliseconds. It varies by 10%.
        public var intervalMs: UInt64 = 1_000
        /// Registers per page of a scan.
        public var pageSize = 64
        /// How often all registers are scanned for missed accepts, tombstones and expired values, in milliseconds.
        public var scanIntervalMs: UInt64 = 600_000
    }

    /// Settings of the probes of the replicas.
    public struct Probes: Sendable {
        /// How long a probe waits for an unresponsive replica, in milliseconds. Must be longer than a round trip.
        public var timeoutMs: UInt64 = 300
        /// `/health` and `/replicas` probe again if the last probe is older than this many milliseconds.
        public var maxAgeMs: UInt64 = 100
    }
}
