import EventLoop
import Replication

/// Results of the staleness probes and of anti-entropy, for one incarnation of a replica.
struct ProbeResult {
    var staleness = StalenessBound()
    var replication: ReplicationMoments
    var hints: HintStatistics
    /// Keys of which it holds more than one value.
    var conflictKeys = 0
    /// Only a comparison of all records can make its staleness known.
    var needsAntiEntropy = false
    /// Microseconds since the last complete comparison of all its records; nil for never.
    var comparedAgoUs: Int64?

    init(replicaCount: Int) {
        replication = ReplicationMoments(upToUs: Array(repeating: nil, count: replicaCount))
        hints = HintStatistics(replicaCount: replicaCount)
    }
}

/// By peer: the moment of the replica's own clock up to which it has everything that the peer had; nil if unknown.
struct ReplicationMoments {
    var upToUs: [Int64?]
    /// The replica's clock at the last probe.
    var probedUs: Int64 = 0
}

/// The hints of one replica for one peer.
struct HintCount: Equatable {
    /// Lowest hlc of a hint; nil if there is none.
    var lowestHlc: UInt64?
    var count = 0
    /// Writes that found no room for a hint.
    var overflowed = 0
}

/// The hints of one replica as of the last probe, and which of them are old enough for handoff.
struct HintStatistics {
    /// By peer.
    private(set) var counts: [HintCount]
    /// When they were counted; 0 for never.
    private(set) var countedNs: UInt64 = 0
    /// Hints scored up to here are at least the handoff delay old: the delivery of the write itself had its chance. It
    /// is the `cap:hlc` of a probe that long ago, plus one, because an updated hint is scored one higher.
    private(set) var handoffUpTo: UInt64?
    private var hlcReadings: [(hlc: UInt64, atNs: UInt64)] = []

    private static let maxReadings = 64

    init(replicaCount: Int) { counts = Array(repeating: HintCount(), count: replicaCount) }

    mutating func note(_ counts: [HintCount], hlc: UInt64, atNs nowNs: UInt64, handoffDelayNs: UInt64) {
        self.counts = counts
        countedNs = nowNs
        hlcReadings.append((hlc, nowNs))
        while let first = hlcReadings.first, nowNs - first.atNs >= handoffDelayNs {
            // A hint whose record changed during its delivery is raised to one after what was delivered.
            handoffUpTo = first.hlc + 1
            hlcReadings.removeFirst()
        }
        // Only if probes come faster than any setting allows.
        if hlcReadings.count > Self.maxReadings { hlcReadings.removeFirst(Self.maxReadings / 2) }
    }
}
