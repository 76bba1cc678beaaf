import EventLoop
import Replication

/// Results of the staleness probes and of anti-entropy, for one incarnation of a replica.
struct ProbeResult {
    var staleness = StalenessBound()
    var replication: ReplicationMoments
    var hints: HintStatistics
    /// Keys of which the replica holds more than one value.
    var conflictKeys = 0
    /// True if only a comparison of all records can make the replica's staleness known, or end its growth.
    var needsAntiEntropy = false
    /// Microseconds since all records of the replica were last compared completely; nil for never.
    var comparedAgoUs: Int64?

    init(replicaCount: Int) {
        replication = ReplicationMoments(upToUs: Array(repeating: nil, count: replicaCount))
        hints = HintStatistics(replicaCount: replicaCount)
    }
}

/// By peer: the moment, on the replica's own clock, up to which the replica has everything that the peer had; nil if
/// unknown.
struct ReplicationMoments {
    var upToUs: [Int64?]
    /// The replica's clock at the last probe.
    var probedUs: Int64 = 0
}

/// The hints of one replica for one peer.
struct HintCount: Equatable {
    /// The lowest hlc of a hint; nil if there are no hints.
    var lowestHlc: UInt64?
    var count = 0
    /// Writes whose hint was not stored because the list was full.
    var overflowed = 0
}

/// The hints of one replica as of the last probe, and which of them are old enough for handoff.
struct HintStatistics {
    /// Hint counts by peer.
    private(set) var counts: [HintCount]
    /// When the hints were counted; 0 for never.
    private(set) var countedNs: UInt64 = 0
    /// Hints with scores up to this one are at least as old as the handoff delay. So the delivery of the write itself
    /// was tried first. This is the `cap:hlc` that a probe read that long ago, plus one, because an updated hint is
    /// scored one higher.
    private(set) var handoffUpTo: UInt64?
    private var hlcReadings: [(hlc: UInt64, atNs: UInt64)] = []

    private static let maxReadings = 64

    init(replicaCount: Int) { counts = Array(repeating: HintCount(), count: replicaCount) }

    mutating func note(_ counts: [HintCount], hlc: UInt64, atNs nowNs: UInt64, handoffDelayNs: UInt64) {
        self.counts = counts
        countedNs = nowNs
        hlcReadings.append((hlc, nowNs))
        while let first = hlcReadings.first, nowNs - first.atNs >= handoffDelayNs {
            // One is added, because a hint whose record changes during delivery is raised to one above the delivered
            // hlc.
            handoffUpTo = first.hlc + 1
            hlcReadings.removeFirst()
        }
        // Needed only if probes come faster than any setting allows.
        if hlcReadings.count > Self.maxReadings { hlcReadings.removeFirst(Self.maxReadings / 2) }
    }
}
