/// Settings of the CP engine.
public struct ConsistentSettings: Sendable {
    /// The group's name, carried by every command: a replica of another group rejects it.
    public var groupName = "cp"
    /// Operations that wait or run in this instance; further ones fail as `overloaded`.
    public var maxPending = 10_000
    /// Operations per batch of one key.
    public var maxBatch = 128
    /// The longest pause between two attempts, in milliseconds.
    public var maxBackoffMs: UInt64 = 64
    /// A one-round-trip read asks the nearest majority first, and the other replicas after at least this many
    /// milliseconds.
    public var readHedgeMs: UInt64 = 5
    public var background = Background()
    public var probes = Probes()

    public init() {}

    /// Probes, rebuild and repair.
    public struct Background: Sendable {
        /// How often it takes a step and the replicas are probed, in milliseconds.
        public var intervalMs: UInt64 = 1_000
        /// Registers per page.
        public var pageSize = 64
        /// How often all registers are scanned for missed accepts and tombstones, in milliseconds.
        public var scanIntervalMs: UInt64 = 600_000
    }

    /// The probes of the replicas.
    public struct Probes: Sendable {
        /// How long a probe waits for a silent replica, in milliseconds: longer than a round trip.
        public var timeoutMs: UInt64 = 300
        /// `/health` and `/replicas` probe again if the last probe is older than this many milliseconds.
        public var maxAgeMs: UInt64 = 100
    }
}
