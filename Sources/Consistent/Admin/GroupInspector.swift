import EventLoop
import Replication

/// `app-cp members`: probes every replica, and finds the chosen configuration. Changes nothing.
public final class GroupInspector {
    public struct Overview: Sendable {
        public let replicas: [ReplicaView]
        /// The chosen configuration, such as `epoch=1 g1=<incarnation>:voter …`; nil if none was found.
        public let configuration: String?
        /// By replica: true if the configuration names it as a voter.
        public let isVoter: [Bool]
        /// The number of replicas that report to be members and that the configuration names as voters.
        public let votingCount: Int
        /// The number of voters that a quorum needs.
        public let majority: Int
    }

    private let acceptors: AcceptorGroup
    private let monitor: MembershipMonitor
    private let configurations: ConfigurationRegister

    private static let probeTimeoutMs: UInt64 = 500

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        acceptors = AcceptorGroup(group, scheduler: scheduler, name: groupName)
        monitor = MembershipMonitor(acceptors, probeTimeoutMs: Self.probeTimeoutMs)
        configurations = ConfigurationRegister(acceptors, ballots: BallotGenerator(scheduler: scheduler))
    }

    /// Waits until all replicas are available, or the deadline has passed. Then probes the available replicas.
    public func run(deadlineNs: UInt64) async -> Overview {
        _ = await acceptors.waitForAll(deadlineNs: deadlineNs)
        let endNs = acceptors.scheduler.nowNs + 1_000 * nsPerMs
        await monitor.refresh(maxAgeNs: 0, deadlineNs: endNs)
        await configurations.refresh(completing: false, deadlineNs: endNs)
        let configuration = configurations.current
        let views = monitor.views(under: configuration)
        let voters = configuration?.voters ?? []
        return Overview(
            replicas: views, configuration: configuration.map { String(decoding: $0.text, as: UTF8.self) },
            isVoter: views.indices.map { voters.contains($0) }, votingCount: views.votingCount(among: voters),
            majority: acceptors.majority)
    }
}
