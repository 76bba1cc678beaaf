import EventLoop
import Replication

/// The known state of one replica, except for its clock.
struct ReplicaState {
    /// Nil until the replica is first admitted.
    private(set) var incarnation: Bytes?
    /// The measurements of this incarnation.
    var probe: ProbeResult

    // Properties of the server, whichever incarnation it has.

    /// The last error with which the replica answered a probe or another background script; nil once a probe could
    /// write again.
    var error: String?
    var rejections = WriteRejections()
    /// Why the replica is not used although it answers; nil if it is used.
    var refusal: String?

    init(replicaCount: Int) { probe = ProbeResult(replicaCount: replicaCount) }

    /// Drops what was measured of the earlier incarnation: the new one may have lost its records and its hints.
    mutating func begin(incarnation: Bytes, replicaCount: Int) {
        self.incarnation = incarnation
        probe = ProbeResult(replicaCount: replicaCount)
    }
}

/// Whether a replica rejects changes, because its memory is full, a permission is missing, or its server has too few
/// Redis replicas (`min-replicas-to-write`). A probe may succeed nevertheless. After a rejection the replica is asked
/// last for a while, and for twice as long after each further one.
struct WriteRejections: Equatable {
    private var error: String?
    private var untilNs: UInt64 = 0
    private var pauseNs: UInt64 = 0

    static let minPauseNs = 500 * nsPerMs
    static let maxPauseNs = 10_000 * nsPerMs

    /// Notes a rejection. Changes that were rejected together count once.
    mutating func rejected(_ error: String, atNs nowNs: UInt64) {
        guard nowNs >= untilNs else { return }
        self.error = error
        pauseNs = pauseNs == 0 ? Self.minPauseNs : min(pauseNs * 2, Self.maxPauseNs)
        untilNs = nowNs + pauseNs
    }

    mutating func accepted() { if pauseNs != 0 { self = WriteRejections() } }

    /// The error for which the replica is asked last; nil if it is not.
    func reason(atNs nowNs: UInt64) -> String? { nowNs < untilNs ? error : nil }
}
