import EventLoop
import Replication

/// What is known of one incarnation of a replica, besides its clock.
struct ReplicaState {
    /// Nil before the first admission.
    private(set) var incarnation: Bytes?
    var staleness = StalenessBound()
    var replication: ReplicationMoments
    var hints: HintStatistics
    /// Keys of which it holds more than one value.
    var conflictKeys = 0
    /// Only a comparison of all records can make its staleness known.
    var needsAntiEntropy = false
    /// Microseconds since the last complete comparison of all its records; nil for never.
    var comparedAgoUs: Int64?
    /// The error that it answered a probe or another background script with last; nil once a probe wrote again.
    var error: String?
    var rejections = WriteRejections()
    /// Why it is not used although it answers; nil if it is used.
    var refusal: String?

    init(replicaCount: Int) {
        replication = ReplicationMoments(upToUs: Array(repeating: nil, count: replicaCount))
        hints = HintStatistics(replicaCount: replicaCount)
    }

    mutating func begin(incarnation: Bytes) {
        self.incarnation = incarnation
        staleness.forget()
        replication.upToUs = replication.upToUs.map { _ in nil }
        hints.forgetClock()
        comparedAgoUs = nil
    }
}

/// Whether a replica rejects changes: full memory, a missing permission, too few replicas of its own. A probe may succeed
/// nevertheless. A replica that rejected a change is asked last for a while, which doubles with each further rejection.
struct WriteRejections: Equatable {
    private var error: String?
    private var untilNs: UInt64 = 0
    private var pauseNs: UInt64 = 0

    static let minPauseNs = 500 * nsPerMs
    static let maxPauseNs = 10_000 * nsPerMs

    /// Changes that were rejected together count once.
    mutating func rejected(_ error: String, atNs nowNs: UInt64) {
        guard nowNs >= untilNs else { return }
        self.error = error
        pauseNs = pauseNs == 0 ? Self.minPauseNs : min(pauseNs * 2, Self.maxPauseNs)
        untilNs = nowNs + pauseNs
    }

    mutating func accepted() { if pauseNs != 0 { self = WriteRejections() } }

    /// Why it is asked last; nil if it is not.
    func reason(atNs nowNs: UInt64) -> String? { nowNs < untilNs ? error : nil }
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
    /// Hints scored up to here are at least the handoff delay old: the delivery of the write itself had its chance. It is the
    /// `cap:hlc` of a probe that long ago, plus one, because an updated hint is scored one higher.
    private(set) var handoffUpTo: UInt64?
    private var hlcReadings: [(hlc: UInt64, atNs: UInt64)] = []

    private static let maxReadings = 64

    init(replicaCount: Int) { counts = Array(repeating: HintCount(), count: replicaCount) }

    mutating func note(_ counts: [HintCount], hlc: UInt64, atNs nowNs: UInt64, handoffDelayNs: UInt64) {
        self.counts = counts
        countedNs = nowNs
        hlcReadings.append((hlc, nowNs))
        while let first = hlcReadings.first, nowNs - first.atNs >= handoffDelayNs {
            // A hint whose record changed during its delivery moves to one after what was delivered.
            handoffUpTo = first.hlc + 1
            hlcReadings.removeFirst()
        }
        // Only if probes come faster than any setting allows.
        if hlcReadings.count > Self.maxReadings { hlcReadings.removeFirst(Self.maxReadings / 2) }
    }

    /// The replica has another incarnation, whose hlc may begin lower.
    mutating func forgetClock() {
        handoffUpTo = nil
        hlcReadings = []
    }
}
