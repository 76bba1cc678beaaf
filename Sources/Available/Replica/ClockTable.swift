import Replication

/// The clocks of all replicas as known at one moment. A write keeps the table it began with: copying it costs nothing until
/// it changes.
struct ClockTable {
    private var clocks: [ReplicaClock?]
    /// Rises when a replica's incarnation or steps change, or it becomes unknown; not with a better reading.
    private(set) var generation: UInt64 = 0

    init(count: Int) { clocks = Array(repeating: nil, count: count) }

    /// Nil where the replica is not admitted.
    subscript(replica: Int) -> ReplicaClock? { clocks[replica] }

    mutating func forget(_ replica: Int) {
        guard clocks[replica] != nil else { return }
        clocks[replica] = nil
        generation &+= 1
    }

    mutating func adopt(_ replica: Int, _ clock: ReplicaClock) {
        clocks[replica] = clock
        generation &+= 1
    }

    /// A reading of the clock of a replica that is admitted.
    mutating func read(_ replica: Int, steps: Bytes, timeUs: Int64, receivedNs: UInt64) {
        guard let known = clocks[replica] else { return }
        let isStepped = known.steps != steps
        guard isStepped || known.isWorthReplacing(timeUs: timeUs, receivedNs: receivedNs) else { return }
        clocks[replica] = ReplicaClock(
            incarnation: known.incarnation, steps: steps, timeUs: timeUs, receivedNs: receivedNs)
        if isStepped { generation &+= 1 }
    }
}
