import EventLoop
import Replication

/// The reply of a replica: the granted permits, and the state of both limits afterwards.
struct PermitReply: Equatable {
    let granted: Int
    /// The unit is 1/limit of a microsecond; see `take_permits.lua`.
    let minuteBacklogUs: UInt64
    let hourBacklogUs: UInt64

    init(granted: Int, minuteBacklogUs: UInt64, hourBacklogUs: UInt64) {
        self.granted = granted
        self.minuteBacklogUs = minuteBacklogUs
        self.hourBacklogUs = hourBacklogUs
    }

    /// Nil for an error, and for a replica without an identity.
    init?(_ reply: Reply?) {
        guard let granted = reply?[0]?.int64, let minute = reply?[1]?.int64, let hour = reply?[2]?.int64, granted >= 0,
            minute >= 0, hour >= 0
        else { return nil }
        self.init(granted: Int(granted), minuteBacklogUs: UInt64(minute), hourBacklogUs: UInt64(hour))
    }
}

/// Asks the replicas for permits. All instances compute the same order of the replicas for a client, and ask the first
/// one that answers. So all instances that reach the same replicas share one state.
final class PermitStore {
    /// Grants permits on one replica; `take_permits.lua` describes it.
    static let script = Script(name: "take_permits", source: PackageResources.take_permits_lua)

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let client: ReplicaClient
    private let limitArguments: [Bytes]
    /// By replica: the time until which it is not asked, because it did not answer or its answer was not valid.
    /// Otherwise each client would wait for it.
    private var avoidedUntilNs: [UInt64]

    /// The most that a request waits for one replica. It waits twice as long for all replicas together, so that there
    /// is time for another one.
    private let replicaTimeoutNs: UInt64
    static let avoidNs = 1_000 * nsPerMs

    init(_ limits: RateLimits, group: any ReplicaGroup, scheduler: any Scheduler, replicaTimeoutNs: UInt64) {
        self.replicaTimeoutNs = replicaTimeoutNs
        self.group = group
        self.scheduler = scheduler
        client = ReplicaClient(group: group, scheduler: scheduler, timeoutNs: replicaTimeoutNs)
        limitArguments = [limits.minute, limits.hour].flatMap { policy in
            [Bytes(decimal: policy?.limit ?? 0), Bytes(decimal: policy?.burst ?? 0)]
        }
        avoidedUntilNs = Array(repeating: 0, count: group.replicaCount)
    }

    /// - Returns: nil if no replica answered in time.
    func take(_ count: Int, of key: LimitKey) async -> PermitReply? {
        let deadlineNs = scheduler.nowNs + 2 * replicaTimeoutNs
        let command = Command(
            .script(Self.script, keys: [key.redisKey]), arguments: [Bytes(decimal: UInt64(count))] + limitArguments)
        for offset in 0..<group.replicaCount {
            let replica = (key.firstReplica(of: group.replicaCount) + offset) % group.replicaCount
            let nowNs = scheduler.nowNs
            guard nowNs < deadlineNs else { return nil }
            guard group.available.contains(replica), nowNs >= avoidedUntilNs[replica] else { continue }
            let call = client.send(
                command, to: [replica], deadlineNs: min(deadlineNs, nowNs + replicaTimeoutNs))
            await call.waitForAll()
            defer { call.close() }
            if let permits = PermitReply(call.reply(from: replica)) { return permits }
            // Do not avoid a replica that was not sent the command because it has too many unanswered ones: that
            // changes soon.
            if call.sent.contains(replica) { avoidedUntilNs[replica] = scheduler.nowNs + Self.avoidNs }
        }
        return nil
    }
}
