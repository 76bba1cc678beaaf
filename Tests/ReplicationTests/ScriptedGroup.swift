import EventLoop
import Replication
import TestSupport

/// Three replicas that reply on a call of the test, or after the time in ``plannedReplies``.
final class ScriptedGroup: ReplicaGroup {
    let replicaNames = ["g1", "g2", "g3"]
    var identityCheck: Command?
    var delegate: (any ReplicaGroupDelegate)?
    var available: ReplicaSet = .all(3)
    var overloaded: ReplicaSet = []
    var connectedOnly: ReplicaSet = []
    /// By replica: the reply (nil for a lost connection), and when it comes, in milliseconds.
    var plannedReplies: [Int: (afterMs: UInt64, reply: Reply?)] = [:]
    /// Every command sent: to which replica, and when, in milliseconds since the group was made.
    private(set) var log: [Sent] = []
    private var sinks: [(replica: Int, sink: any ReplySink)] = []
    private let scheduler: any Scheduler
    private let startNs: UInt64

    struct Sent: Equatable, CustomStringConvertible {
        let replica: Int
        let atMs: UInt64
        var description: String { "\(replica)@\(atMs)" }
    }

    init(_ scheduler: any Scheduler) {
        self.scheduler = scheduler
        startNs = scheduler.nowNs
    }

    var nowMs: UInt64 { (scheduler.nowNs - startNs) / nsPerMs }

    var nearestFirst: [Int] { Array(available) }
    func latencyNs(_ replica: Int) -> UInt64 { nsPerMs }

    func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var result = SendResult()
        for replica in targets.intersection(duringAdmission ? available.union(connectedOnly) : available) {
            guard !overloaded.contains(replica) else {
                result.overloaded.insert(replica)
                continue
            }
            result.sent.insert(replica)
            log.append(Sent(replica: replica, atMs: nowMs))
            sinks.append((replica, sink))
            guard let planned = plannedReplies[replica] else { continue }
            scheduler.spawn { [self] in
                await scheduler.sleep(forNs: planned.afterMs * nsPerMs)
                reply(planned.reply, from: replica)
            }
        }
        return result
    }

    func reply(_ reply: Reply?, from replica: Int) {
        guard let index = sinks.firstIndex(where: { $0.replica == replica }) else { return }
        sinks.remove(at: index).sink.receive(reply, from: replica)
    }
}
