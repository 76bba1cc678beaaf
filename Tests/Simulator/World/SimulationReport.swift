/// One call of a client and its result, as a history records it.
public protocol SimulatedOperation: Encodable, Sendable {
    var callNs: UInt64 { get }
    var returnNs: UInt64 { get }
    /// The result as one word of a statistic.
    var resultName: String { get }
    /// Whether the client knows what its call did.
    var isAnswered: Bool { get }
}

/// What happened in a world besides its history.
public struct WorldCounts: Sendable {
    /// Including faults that never happened: what was not tried proves nothing.
    public var faults: [FaultKind: Int] = [:]
    public var events = 0
    public var virtualMs: UInt64 = 0
    /// AP: replicas that were refused as too old, and emptied.
    public var refusedReplicas = 0
    /// AP: collected records, counted per replica.
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
    /// CP: keys that the checker gave up on, or a schedule that did not happen: neither good nor bad.
    public internal(set) var undecided: [String] = []
    public internal(set) var counts = WorldCounts()

    init(seed: UInt64) { self.seed = seed }
}
