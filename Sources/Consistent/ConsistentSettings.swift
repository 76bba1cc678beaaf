/// Settings of the CP engine.
public struct ConsistentSettings: Sendable {
    /// The group's name, carried by every script: a replica of another group refuses.
    public var groupName = "cp"
    /// Operations waiting or under way in this proposer; past it they are refused as `overloaded`.
    public var maxPending = 10_000
    /// Operations of one register in one batch.
    public var maxBatch = 128
    /// The longest pause, in milliseconds, between two attempts that were outbid.
    public var maxBackoffMs: UInt64 = 64
    /// A one-round read asks the nearest majority first, and the rest where that has not answered after this many
    /// milliseconds.
    public var readHedgeMs: UInt64 = 5
    /// How often the members are asked who they are, in milliseconds.
    public var upkeepIntervalMs: UInt64 = 1_000
    /// The longest that one look at who the replicas are waits for a silent one, in milliseconds: more than the way there and
    /// back.
    public var lookTimeoutMs: UInt64 = 300
    /// Registers that background work takes at a time.
    public var pageSize = 64
    /// How often all registers are looked at for missed accepts and tombstones, whatever happened, in milliseconds.
    public var walkIntervalMs: UInt64 = 600_000
    /// `/health` and `/replicas` ask again where the last look is older than this many milliseconds.
    public var maxViewAgeMs: UInt64 = 100

    public init() {}
}

/// What a proposer has done since it started.
public struct ConsistentCounts: Sendable {
    /// Reads answered in one round trip.
    public internal(set) var fastReads: UInt64 = 0
    /// Reads that needed a full round.
    public internal(set) var slowReads: UInt64 = 0
    public internal(set) var prepares: UInt64 = 0
    public internal(set) var accepts: UInt64 = 0
    /// Rounds lost to a higher ballot.
    public internal(set) var outbids: UInt64 = 0
    /// Operations refused because no majority answered.
    public internal(set) var quorumFailures: UInt64 = 0
    /// Registers of which a replica was sent an accept it had missed.
    public internal(set) var caughtUp: UInt64 = 0
    /// Tombstones forgotten.
    public internal(set) var collected: UInt64 = 0
    /// Replicas found behind their beats and made blank.
    public internal(set) var erasedReplicas: UInt64 = 0
    /// Replicas rebuilt.
    public internal(set) var rebuiltReplicas: UInt64 = 0

    public init() {}
}
