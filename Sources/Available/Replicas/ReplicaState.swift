import EventLoop
import Replication

/// What is known of a replica, besides its clock.
struct ReplicaState {
    /// Nil before the first admission.
    private(set) var incarnation: Bytes?
    /// Of this incarnation.
    var probe: ProbeResult

    // Of the server, whatever its incarnation.

    /// The error that it answered a probe or another background script with last; nil once a probe wrote again.
    var error: String?
    var rejections = WriteRejections()
    /// Why it is not used although it answers; nil if it is used.
    var refusal: String?

    init(replicaCount: Int) { probe = ProbeResult(replicaCount: replicaCount) }

    /// Nothing that another incarnation reported is true of this one: it may have lost its records and its hints.
    mutating func begin(incarnation: Bytes, replicaCount: Int) {
        self.incarnation = incarnation
        probe = ProbeResult(replicaCount: replicaCount)
    }
}

/// Whether a replica rejects changes: full memory, a missing permission, too few replicas of its own. A probe may
/// succeed nevertheless. A replica that rejected a change is asked last for a while, which doubles with each further
/// rejection.
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
