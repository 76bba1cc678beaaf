import EventLoop
import Replication

/// This instance's view of the replicas: identities and clocks from admission and from replies, measurements from the
/// staleness probe.
///
/// Clocks and measurements belong to one incarnation of their replica, and are dropped with it.
final class ReplicaTable {
    let names: [String]
    /// The same as bytes, as arguments of scripts.
    let nameBytes: [Bytes]
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    /// Of the admitted replicas. A value: a copy keeps what was known at one moment.
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

    /// Replicas that accept commands and are admitted.
    var usable: ReplicaSet {
        var usable: ReplicaSet = []
        for replica in group.available where clocks[replica] != nil { usable.insert(replica) }
        return usable
    }

    subscript(replica: Int) -> ReplicaState { states[replica] }

    func peers(of replica: Int) -> [Int] { names.indices.filter { $0 != replica } }

    /// True if `replica` may lack records for which no replica has a hint.
    func needsAntiEntropy(_ replica: Int) -> Bool { needsAntiEntropy(replica, of: everyReplica) }

    /// True if a comparison with the replicas `peers` may copy records to `replica` for which no replica has a hint.
    /// The overflow of an unreachable peer cannot be cleared.
    func needsAntiEntropy(_ replica: Int, of peers: ReplicaSet) -> Bool {
        states[replica].probe.needsAntiEntropy
            || peers.contains { states[$0].probe.hints.counts[replica].overflowed > 0 }
    }

    /// Changes whenever something changes that the order of the replicas depends on.
    var generation: UInt64 { clocks.generation &+ measurements }

    /// Upper bound of the age of an answer of `replica` now, in milliseconds; nil if unknown.
    func stalenessMs(of replica: Int) -> Int64? { states[replica].probe.staleness.ms(atNs: scheduler.nowNs) }

    // MARK: Identities and clocks

    /// Makes the replica unusable until it is admitted again. Called when its connection closes and when a new one is
    /// being admitted.
    func forgetClock(of replica: Int) { clocks.forget(replica) }

    /// The replica is not the incarnation that it was taken for: it is not trusted until it has been asked again.
    func distrust(_ replica: Int) {
        clocks.forget(replica)
        states[replica].probe.staleness.forget()
    }

    /// The replica was asked who it is.
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

    /// - Parameter error: what the replica answered a script with; nil once one ran again.
    func noteError(_ error: String?, of replica: Int) {
        if (states[replica].error == nil) != (error == nil) { measurements &+= 1 }
        states[replica].error = error
    }

    /// - Parameter error: why `replica` rejected a change, whatever its key; nil if it applied one.
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

    /// - Parameter agoUs: microseconds since all records of the replica were compared; nil for never.
    func noteAntiEntropy(of replica: Int, agoUs: Int64?) { states[replica].probe.comparedAgoUs = agoUs }

    /// - Parameters:
    ///   - counts: by peer; none for the replica itself.
    ///   - hlc: the replica's `cap:hlc` in the step that counted.
    func noteHints(of owner: Int, _ counts: [HintCount], hlc: UInt64, conflictKeys: Int, handoffDelayNs: UInt64) {
        precondition(counts[owner] == HintCount(), "a replica has no hints for itself")
        states[owner].probe.hints.note(counts, hlc: hlc, atNs: scheduler.nowNs, handoffDelayNs: handoffDelayNs)
        states[owner].probe.conflictKeys = conflictKeys
    }

    /// - Parameters:
    ///   - nowUs: the replica's clock when it answered.
    ///   - upToUs: by peer, the moment of that clock up to which the replica has everything of the peer; nil if
    ///     unknown.
    ///   - needsAntiEntropy: only a comparison of all records can make one of them known.
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
