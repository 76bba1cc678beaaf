import EventLoop
import Replication

/// `app-cp members`: what every replica says of itself and what is in force. Changes nothing.
public final class GroupInspector {
    public struct Overview: Sendable {
        public let replicas: [ReplicaView]
        /// `epoch=1 g1=<incarnation>:counted …`; nil where no majority shows one configuration.
        public let configuration: String?
        /// By replica: whether the configuration counts it.
        public let isCounted: [Bool]
        /// Replicas that say they vote and that the configuration counts.
        public var votingCount: Int {
            zip(replicas, isCounted).count { $0.standing == .member && $1 }
        }
    }

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let watch: MemberWatch
    private let register: ConfigurationRegister

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        self.group = group
        self.scheduler = scheduler
        let name = Bytes(groupName.utf8)
        watch = MemberWatch(group: group, scheduler: scheduler, groupName: name, lookTimeoutMs: 500)
        register = ConfigurationRegister(
            group: group, scheduler: scheduler, groupName: name, nextBallot: { .zero }, sawBallot: { _ in })
        group.identityCheck = MemberCommands.identityGuard
    }

    /// Waits for all replicas until the deadline, and tells what those say that are there.
    public func run(deadlineNs: UInt64) async -> Overview {
        while scheduler.nowNs < deadlineNs, group.available != group.everyReplica {
            await scheduler.sleep(forNs: 10 * nsPerMs)
        }
        let endNs = scheduler.nowNs + 1_000 * nsPerMs
        await watch.refresh(maxAgeNs: 0, deadlineNs: endNs)
        let configuration = await register.peek(deadlineNs: endNs)
        return Overview(
            replicas: watch.views(under: configuration),
            configuration: configuration.map { String(decoding: $0.text, as: UTF8.self) },
            isCounted: group.everyReplica.map { configuration?.counted.contains($0) ?? false })
    }
}
