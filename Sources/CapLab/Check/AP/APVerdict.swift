/// Judges all histories of a check of `app-ap`.
struct APVerdict {
    /// What is wrong, by sort.
    private(set) var lost: [String] = []
    private(set) var invented: [String] = []
    private(set) var stale: [String] = []
    private(set) var keys = 0
    private(set) var acknowledged = 0
    private(set) var boundedReads = 0
    /// Acknowledged writes that are gone, with no more acknowledgements than disks that were lost.
    private(set) var excusedLosses = 0

    /// Redis syncs its log every second, and at the latest after two.
    static let unsyncedNs: UInt64 = 3_000_000_000

    /// - Parameters:
    ///   - final: by key, the values that are there after convergence.
    ///   - kills: of Redis servers.
    init(_ history: [APOperation], final: [String: [String]], kills: [(replica: String, atNs: UInt64)]) {
        let byKey = Dictionary(grouping: history, by: \.key)
        keys = byKey.count
        for (key, operations) in byKey.sorted(by: { $0.key < $1.key }) {
            acknowledged += operations.count { $0.kind != .read && $0.outcome == .ok }
            boundedReads += operations.count { $0.kind == .read && $0.stalenessMs != nil }
            var judge = KeyJudge(key, operations) { Self.isExcused($0, kills) }
            judge.judgeReads()
            if let values = final[key] { judge.judgeEnd(values) }
            lost += judge.lost
            invented += judge.invented
            stale += judge.stale
            excusedLosses += judge.excusedLosses
        }
    }

    /// As many replicas were killed, before they must have had it on disk, as had acknowledged it; the one that is known
    /// among them.
    static func isExcused(_ change: APOperation, _ kills: [(replica: String, atNs: UInt64)]) -> Bool {
        let killed = Set(
            kills.filter { $0.atNs >= change.callNs && $0.atNs - change.callNs <= unsyncedNs + span(change) }
                .map(\.replica))
        guard killed.count >= max(1, change.replicasAcked) else { return false }
        return change.replica.map { killed.contains($0) } ?? true
    }

    private static func span(_ change: APOperation) -> UInt64 { change.returnNs &- change.callNs }
}
