/// Judges the histories of all keys of a check of `app-ap`.
struct APVerdict {
    /// One text per acknowledged write that was lost in violation of the guarantees.
    private(set) var lost: [String] = []
    /// One text per value that an answer contained, although no client had written it, or although its write was
    /// reported as not applied.
    private(set) var invented: [String] = []
    /// One text per read that lacks a write, although that write is older than the staleness of the read.
    private(set) var stale: [String] = []
    private(set) var keys = 0
    /// How many changes were acknowledged.
    private(set) var acknowledged = 0
    /// How many reads had a known staleness.
    private(set) var boundedReads = 0
    /// How many acknowledged writes were lost without a violation: all replicas that had them may have been killed
    /// before they synced them to disk.
    private(set) var lossesByKills = 0

    /// For how long after its acknowledgement a change may still be missing on disk. With `appendfsync everysec`, Redis
    /// syncs at the latest after two seconds. The third second is a margin.
    static let unsyncedNs: UInt64 = 3_000_000_000

    /// - Parameters:
    ///   - final: by key, the values that exist after convergence. Keys that a site did not answer are missing.
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

    /// True if kills may explain the loss of the change: during the write or within ``unsyncedNs`` after it, as many
    /// replicas were killed as had acknowledged it, including its coordinator. It is unknown which other replicas
    /// acknowledged the change, because the answer contains only their number.
    static func mayBeLost(_ change: APOperation, byKills kills: [(replica: String, atNs: UInt64)]) -> Bool {
        let killed = Set(
            kills.filter { $0.atNs >= change.callNs && $0.atNs <= change.returnNs &+ unsyncedNs }.map(\.replica))
        guard killed.count >= max(1, change.replicasAcked) else { return false }
        return change.replica.map { killed.contains($0) } ?? true
    }
}
