import EventLoop
import Replication

/// This instance's view of the replicas. Identities and clocks come from admission and from replies, measurements from
/// staleness probes.
///
/// Clocks and measurements belong to one incarnation of a replica, and are dropped when the incarnation changes.
final class ReplicaTable {
    let names: [String]
    /// The names as bytes, for the arguments of scripts.
    let nameBytes: [Bytes]
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    /// The clocks of the admitted replicas. This is a value: a copy keeps the clocks as they were known at one moment.
    private(set) var clocks: ClockTable
    private var states: [ReplicaState]
    private var measurements: UInt64 = 0

    init(group: any ReplicaGroup, scheduler: any Scheduler) {
        self.group = group
        self.scheduler = scheduler
        names = group.replicaNames
        nameBytes = names.map { Bytes($0.utf8) }
        clocks = ClockTable(count: names.count)
        states = names.map { _ in ReplicaState(replicaCount: group.replicaCount) }
    }

    var everyReplica: ReplicaSet { group.everyReplica }

    /// Replicas that are admitted and can be sent commands.
    var usable: ReplicaSet {
        var usable: ReplicaSet = []
        for replica in group.available where clocks[replica] != nil { usable.insert(replica) }
        return usable
    }

    subscript(replica: Int) -> ReplicaState { states[replica] }

    func peers(of replica: Int) -> [Int] { names.indices.filter { $0 != replica } }

    /// True if `replica` may lack records for which no replica has a hint.
    func needsAntiEntropy(_ replica: Int) -> Bool { needsAntiEntropy(replica, of: everyReplica) }

    /// True if `replica` may lack records for which no replica has a hint, and a comparison with `peers` may copy them
    /// to it. A hint list that was full counts only if one of `peers` stores it.
    func needsAntiEntropy(_ replica: Int, of peers: ReplicaSet) -> Bool {
        states[replica].probe.needsAntiEntropy
            || peers.contains { states[$0].probe.hints.counts[replica].overflowed > 0 }
    }

    /// Changes whenever anything changes that determines the order of the replicas.
    var generation: UInt64 { clocks.generation &+ measurements }

    /// The staleness of `replica` in milliseconds: an answer that it gives now reflects every write that any replica
    /// stored longer ago than this. Nil if unknown.
    func stalenessMs(of replica: Int) -> Int64? { states[replica].probe.staleness.ms(atNs: scheduler.nowNs) }

    // MARK: Identities and clocks

    /// Makes the replica unusable until it is admitted again. Called when its connection closes and when a new one is
    /// being admitted.
    func forgetClock(of replica: Int) { clocks.forget(replica) }

    /// Called when a reply shows another incarnation than the known one. The replica is not used until it is admitted
    /// again.
    func distrust(_ replica: Int) {
        clocks.forget(replica)
        states[replica].probe.staleness.forget()
    }

    /// Stores the clock and incarnation that the replica reported at admission.
    func admit(_ replica: Int, _ clock: ReplicaClock) {
        if states[replica].incarnation != clock.incarnation {
            states[replica].begin(incarnation: clock.incarnation, replicaCount: names.count)
        }
        clocks.adopt(replica, clock)
    }

    /// - Returns: false if the reading is of an earlier clock epoch than the known one.
    @discardableResult
    func readClock(of replica: Int, epoch: Bytes, timeUs: Int64) -> Bool {
        clocks.read(replica, epoch: epoch, timeUs: timeUs, receivedNs: scheduler.nowNs)
    }

    /// - Parameter refusal: why the replica is not used although it answers; nil if it is used.
    func noteRefusal(_ refusal: String?, of replica: Int) { states[replica].refusal = refusal }

    // MARK: Measurements

    /// - Parameter error: the error with which the replica answered a background script; nil after a probe could write.
    func noteError(_ error: String?, of replica: Int) {
        if (states[replica].error == nil) != (error == nil) { measurements &+= 1 }
        states[replica].error = error
    }

    /// - Parameter error: why `replica` rejected a change, if it would reject changes to any key; nil if it applied
    ///   one.
    func noteChange(rejectedWith error: String?, by replica: Int) {
        guard let error else {
            states[replica].rejections.accepted()
            return
        }
        states[replica].rejections.rejected(error, atNs: scheduler.nowNs)
        measurements &+= 1
    }

    /// Why `replica` does not accept writes; nil if it does.
    func writeProblem(of replica: Int) -> String? {
        states[replica].error ?? states[replica].rejections.reason(atNs: scheduler.nowNs)
    }

    var rejectingWrites: ReplicaSet {
        var rejecting: ReplicaSet = []
        for replica in everyReplica where writeProblem(of: replica) != nil { rejecting.insert(replica) }
        return rejecting
    }

    /// - Parameter agoUs: microseconds since all records of the replica were last compared; nil for never.
    func noteAntiEntropy(of replica: Int, agoUs: Int64?) { states[replica].probe.comparedAgoUs = agoUs }

    /// - Parameters:
    ///   - counts: by peer; zero for the replica itself.
    ///   - hlc: the replica's `cap:hlc` in the step that counted the hints.
    func noteHints(of owner: Int, _ counts: [HintCount], hlc: UInt64, conflictKeys: Int, handoffDelayNs: UInt64) {
        precondition(counts[owner] == HintCount(), "a replica has no hints for itself")
        states[owner].probe.hints.note(counts, hlc: hlc, atNs: scheduler.nowNs, handoffDelayNs: handoffDelayNs)
        states[owner].probe.conflictKeys = conflictKeys
    }

    /// - Parameters:
    ///   - nowUs: the replica's clock when it answered.
    ///   - upToUs: by peer, the moment on that clock up to which the replica has everything of the peer; nil if
    ///     unknown.
    ///   - needsAntiEntropy: true if only a comparison of all records can make one of these moments known, or let it
    ///     rise again.
    ///   - askedNs: this instance's clock before the replica was asked.
    func noteReplication(
        of replica: Int, nowUs: Int64, upToUs: [Int64?], needsAntiEntropy: Bool, askedNs: UInt64
    ) {
        measurements &+= 1
        states[replica].probe.replication = ReplicationMoments(upToUs: upToUs, probedUs: nowUs)
        states[replica].probe.needsAntiEntropy = needsAntiEntropy
        let peerMoments = upToUs.indices.filter { $0 != replica }.map { upToUs[$0] }
        states[replica].probe.staleness.measured(nowUs: nowUs, upToUs: peerMoments, askedNs: askedNs)
    }
}
