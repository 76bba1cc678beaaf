import EventLoop
import Replication

@testable import RateLimiting

/// Three replicas that compute what `take_permits.lua` would, after a delay.
final class MeterGroup: ReplicaGroup {
    let replicaNames = ["g1", "g2", "g3"]
    var identityCheck: Command?
    var delegate: (any ReplicaGroupDelegate)?
    var available: ReplicaSet = .all(3)
    /// These accept commands and never reply.
    var silent: ReplicaSet = []
    /// These reply with an error, as a replica without memory does.
    var full: ReplicaSet = []
    var replyMs: UInt64 = 1
    /// By call: the replica, and how many permits it was asked for.
    private(set) var calls: [(replica: Int, wanted: UInt64)] = []
    private var meters: [String: RateMeter] = [:]
    private let policy: RatePolicy
    private let scheduler: any Scheduler

    /// - Parameter policy: the only limit, per minute.
    init(_ policy: RatePolicy, _ scheduler: any Scheduler) {
        self.policy = policy
        self.scheduler = scheduler
    }

    var nearestFirst: [Int] { Array(available) }
    func latencyNs(_ replica: Int) -> UInt64 { nsPerMs }

    func send(_ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink) -> SendResult {
        guard case .script(_, let keys) = command.verb, let key = keys.first,
            let wanted = Int64(decimal: command.arguments[0])
        else { preconditionFailure("only the script of this module is called") }
        var result = SendResult()
        for replica in targets.intersection(available) {
            result.sent.insert(replica)
            calls.append((replica, UInt64(wanted)))
            guard !silent.contains(replica) else { continue }
            let reply = full.contains(replica) ? .error("OOM command not allowed") : take(UInt64(wanted), key, replica)
            scheduler.spawn { [scheduler, replyMs] in
                await scheduler.sleep(forNs: replyMs * nsPerMs)
                sink.receive(reply, from: replica)
            }
        }
        return result
    }

    private func take(_ wanted: UInt64, _ key: Bytes, _ replica: Int) -> Reply {
        var meter = meters["\(replica) \(key)"] ?? RateMeter(policy)
        let nowNs = scheduler.nowNs
        let granted = min(wanted, meter.available(atNs: nowNs))
        meter.grant(granted, atNs: nowNs)
        meters["\(replica) \(key)"] = meter
        // The replica's unit is a microsecond.
        let drainNs = meter.refillNs(atNs: nowNs)
        return .array([.integer(Int64(granted)), .integer(Int64(drainNs * policy.limit / 1_000)), .integer(0)])
    }
}
