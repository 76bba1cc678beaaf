/// One call of a client and its result, as a history records it.
public protocol SimulatedOperation: Encodable, Sendable {
    var callNs: UInt64 { get }
    var returnNs: UInt64 { get }
    /// The result in a few words, for a statistic.
    var resultName: String { get }
    /// False if the call was not applied, or if its outcome is unknown.
    var isAnswered: Bool { get }
}

/// Counts of what happened in a world, in addition to its history.
public struct WorldCounts: Sendable {
    /// How often each kind of fault happened. Kinds that never happened have 0, to show what was not tested.
    public var faults: [FaultKind: Int] = [:]
    public var events = 0
    public var virtualMs: UInt64 = 0
    /// For AP: how many replicas were refused as too old, and then emptied.
    public var refusedReplicas = 0
    /// For AP: how many records were collected, counted at each replica.
    public var collected = 0

    public init() {}

    public static func += (sum: inout WorldCounts, other: WorldCounts) {
        sum.faults.merge(other.faults, uniquingKeysWith: +)
        sum.events += other.events
        sum.virtualMs += other.virtualMs
        sum.refusedReplicas += other.refusedReplicas
        sum.collected += other.collected
    }
}

/// The result of one seed.
public struct SimulationReport<Operation: SimulatedOperation>: Sendable {
    public let seed: UInt64
    public internal(set) var history: [Operation] = []
    public internal(set) var violations: [String] = []
    /// For CP: keys for which the checker could not decide, or a hand-written schedule that did not happen. Such a seed
    /// is neither a success nor a failure.
    public internal(set) var undecided: [String] = []
    public internal(set) var counts = WorldCounts()

    init(seed: UInt64) { self.seed = seed }
}
