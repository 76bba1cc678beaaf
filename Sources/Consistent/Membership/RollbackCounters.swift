import EventLoop
import Replication

/// Erases rolled-back members, raises the rollback counters of the other members, and copies the counters to the
/// witnesses (rule C8). The raise is also the write probe: it shows whether a replica accepts writes (rule C9).
final class RollbackCounters {
    private let acceptors: AcceptorGroup
    private let monitor: MembershipMonitor
    private let rollback: RollbackDetector
    private let timeoutMs: UInt64
    /// By replica: its counter at the last step, to detect whether another instance raises it too.
    private var lastCounters: [UInt64?]

    init(
        _ acceptors: AcceptorGroup, monitor: MembershipMonitor, rollback: RollbackDetector, timeoutMs: UInt64
    ) {
        self.acceptors = acceptors
        self.monitor = monitor
        self.rollback = rollback
        self.timeoutMs = timeoutMs
        lastCounters = Array(repeating: nil, count: acceptors.replicas.replicaCount)
    }

    private struct Member {
        let replica: Int
        let incarnation: Bytes
        let witnessed: [Bytes: UInt64]
        var counter: UInt64
    }

    /// Raises the counters of the members whose server process was compared with the witnesses. Adds 0, which is also a
    /// write, to counters that another instance has raised since the last step. Then copies to each member the counters
    /// that it has not witnessed yet. Only a counter from a reply is copied, because Redis replies after the fsync.
    ///
    /// A rolled-back member that must not be erased now keeps its counter. A raise could lift the counter above the
    /// copies on the witnesses and hide the rollback.
    /// - Returns: true if a replica accepts writes again after an error.
    func step() async -> Bool {
        let observations = await rollback.eraseRolledBack(monitor.observations)
        var unraised: ReplicaSet = []
        var members: [Member] = []
        for (replica, observation) in observations.enumerated() {
            guard let observation, let identity = observation.member,
                rollback.isCompared(replica, runID: monitor.durability[replica]?.runID)
            else {
                lastCounters[replica] = nil
                continue
            }
            if lastCounters[replica].map({ $0 == observation.rollbackCounter }) ?? true { unraised.insert(replica) }
            members.append(
                Member(
                    replica: replica, incarnation: identity.incarnation, witnessed: observation.witnessed,
                    counter: observation.rollbackCounter))
        }
        guard !members.isEmpty else { return false }
        let raise = MembershipCommands.raiseRollbackCounter(
            group: acceptors.name, incarnations: observations.map { $0?.identity?.incarnation ?? [] }, of: unraised)
        let replies = await acceptors.client(timeoutMs: timeoutMs).ask(raise, of: ReplicaSet(members.map(\.replica)))
        var isWritableAgain = false
        for place in members.indices {
            let replica = members[place].replica
            if acceptors.writes.note(replies[replica], of: replica) { isWritableAgain = true }
            if let counter = replies[replica]?.int64, counter > 0 { members[place].counter = UInt64(counter) }
            lastCounters[replica] = members[place].counter
        }
        await copy(members)
        return isWritableAgain
    }

    private func copy(_ members: [Member]) async {
        let client = acceptors.client(timeoutMs: timeoutMs)
        var calls: [QuorumCall] = []
        for witness in members {
            let news = members.filter {
                $0.replica != witness.replica && $0.counter > witness.witnessed[$0.incarnation] ?? 0
            }
            guard !news.isEmpty else { continue }
            let command = MembershipCommands.recordWitnessed(
                news.map { ($0.incarnation, $0.counter) }, group: acceptors.name, incarnation: witness.incarnation)
            calls.append(client.send(command, to: [witness.replica]))
        }
        for call in calls { await call.waitForAll() }
    }
}

extension AcceptorGroup {
    /// Makes members witnesses of the rollback counter of one replica.
    /// - Parameters:
    ///   - incarnation: the incarnation of that replica.
    ///   - incarnations: by replica, the incarnation that a witness is expected to have.
    /// - Returns: a witness that did not record the counter; nil if all did.
    func record(
        counter: UInt64, of incarnation: Bytes, at witnesses: ReplicaSet, _ incarnations: [Bytes]
    ) async -> Int? {
        for witness in witnesses {
            let command = MembershipCommands.recordWitnessed(
                [(incarnation, counter)], group: name, incarnation: incarnations[witness])
            guard await client().ask(command, of: witness) == .integer(1) else { return witness }
        }
        return nil
    }
}
