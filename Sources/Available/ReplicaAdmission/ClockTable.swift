import Replication

/// The clocks of all admitted replicas, as known at one moment. Each write keeps a copy of the table from when it
/// began. A copy costs nothing until the original changes.
struct ClockTable {
    private var clocks: [ReplicaClock?]
    /// Rises when a replica's incarnation or clock epoch changes, or when the replica is forgotten. A better reading of
    /// the same clock does not raise it.
    private(set) var generation: UInt64 = 0

    init(count: Int) { clocks = Array(repeating: nil, count: count) }

    /// Nil if the replica is not admitted.
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

    /// Stores a reading of a replica's clock. Does nothing if the replica is not admitted.
    ///
    /// - Returns: false if the reading is of an earlier clock epoch than the known one, and was ignored. Either the
    ///   reply was interpreted late, or the known epoch is wrong.
    mutating func read(_ replica: Int, epoch: Bytes, timeUs: Int64, receivedNs: UInt64) -> Bool {
        guard let known = clocks[replica] else { return true }
        let isNewEpoch = known.epoch != epoch
        if isNewEpoch, Int64(decimal: epoch[...]) ?? 0 < Int64(decimal: known.epoch[...]) ?? 0 { return false }
        guard isNewEpoch || known.isWorthReplacing(timeUs: timeUs, receivedNs: receivedNs) else { return true }
        clocks[replica] = ReplicaClock(
            incarnation: known.incarnation, epoch: epoch, timeUs: timeUs, receivedNs: receivedNs,
            knownSinceNs: isNewEpoch ? nil : known.knownSinceNs)
        if isNewEpoch { generation &+= 1 }
        return true
    }
}
