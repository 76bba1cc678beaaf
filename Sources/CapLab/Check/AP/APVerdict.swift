/// Judges the histories of all keys of a check of `app-ap`.
struct APVerdict {
    /// The violations of each kind.
    private(set) var lost: [String] = []
    private(set) var invented: [String] = []
    private(set) var stale: [String] = []
    private(set) var keys = 0
    private(set) var acknowledged = 0
    private(set) var boundedReads = 0
    /// Acknowledged writes that were lost, but not against the guarantees. All replicas that acknowledged them may have
    /// been killed before they synced them to disk.
    private(set) var lossesByKills = 0

    /// How long a change may be unsynced: Redis syncs its log every second and needs at most two. The third is a
    /// margin.
    static let unsyncedNs: UInt64 = 3_000_000_000

    /// - Parameters:
    ///   - final: by key, the values that exist after convergence.
    ///   - kills: when redis-servers were killed.
    init(_ history: [APOperation], final: [String: [String]], kills: [(replica: String, atNs: UInt64)]) {
        let byKey = Dictionary(grouping: history, by: \.key)
        keys = byKey.count
        for (key, operations) in byKey.sorted(by: { $0.key < $1.key }) {
            acknowledged += operations.count { $0.kind != .read && $0.outcome == .ok }
            boundedReads += operations.count { $0.kind == .read && $0.stalenessMs != nil }
            let checker = KeyChecker(key, operations) { Self.mayBeLost($0, byKills: kills) }
            invented += checker.inventedReads
            stale += checker.staleReads
            guard let values = final[key] else { continue }
            invented += checker.invented(values, untilNs: .max, what: "the last read")
            let losses = checker.losses(values)
            lost += losses.lost
            lossesByKills += losses.byKills
        }
    }

    /// True if every replica that acknowledged the change may have been killed before it must have synced it to disk.
    /// An answer contains the number of these replicas, but only the name of one.
    static func mayBeLost(_ change: APOperation, byKills kills: [(replica: String, atNs: UInt64)]) -> Bool {
        let killed = Set(
            kills.filter { $0.atNs >= change.callNs && $0.atNs <= change.returnNs &+ unsyncedNs }.map(\.replica))
        guard killed.count >= max(1, change.replicasAcked) else { return false }
        return change.replica.map { killed.contains($0) } ?? true
    }
}
