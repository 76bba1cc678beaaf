import EventLoop
import Replication

/// Probes the identity and the durability of each available replica (rules C8, C9). Changes nothing on the replicas.
final class MembershipMonitor {
    private let acceptors: AcceptorGroup
    private let probeTimeoutMs: UInt64

    /// By replica: its reply to the last probe; nil if it did not answer.
    private(set) var observations: [ReplicaObservation?]
    private(set) var durability: [Durability?]
    private var lastProbeNs: UInt64?
    private var isProbing = false

    /// - Parameter probeTimeoutMs: how long a probe waits for an unresponsive replica, in milliseconds.
    init(_ acceptors: AcceptorGroup, probeTimeoutMs: UInt64) {
        self.acceptors = acceptors
        self.probeTimeoutMs = probeTimeoutMs
        observations = Array(repeating: nil, count: acceptors.replicas.replicaCount)
        durability = Array(repeating: nil, count: acceptors.replicas.replicaCount)
    }

    /// Probes the available replicas, unless the last probe ended at most `maxAgeNs` ago. First waits for a probe that
    /// is already running.
    func refresh(maxAgeNs: UInt64, deadlineNs: UInt64) async {
        let scheduler = acceptors.scheduler
        while isProbing, scheduler.nowNs < deadlineNs { await scheduler.sleep(forNs: 5 * nsPerMs) }
        if let lastProbeNs, scheduler.nowNs - lastProbeNs <= maxAgeNs { return }
        guard !isProbing else { return }
        isProbing = true
        await probe()
        lastProbeNs = scheduler.nowNs
        isProbing = false
    }

    private func probe() async {
        let available = acceptors.replicas.available
        let client = acceptors.client(timeoutMs: probeTimeoutMs)
        let probes = client.send(MembershipCommands.probe(), to: available)
        let infos = client.send(MembershipCommands.info(), to: available)
        let settings = client.send(MembershipCommands.appendSettings(), to: available)
        for call in [probes, infos, settings] { await call.waitForAll() }
        observations = acceptors.observations { probes.reply(from: $0) }
        for replica in durability.indices {
            durability[replica] = Durability(
                info: infos.reply(from: replica), configuration: settings.reply(from: replica))
        }
    }

    // MARK: Conclusions

    /// The highest epoch that any replica of the group reported to the last probe; 0 if none did.
    var highestEpoch: UInt64 { observations.compactMap { $0?.identity?.epoch }.max() ?? 0 }

    /// True if `configuration` has lost its quorum, because too many of its voters report that they are blank, of
    /// another group, or of another incarnation. The group was then wiped, and perhaps initialised again.
    func isDefunct(_ configuration: GroupConfiguration) -> Bool {
        let left = configuration.voters.filter { replica in
            switch observations[replica]?.reported {
            case .own(let identity): identity.incarnation == configuration.entries[replica].incarnation
            case .blank, .foreign: false
            case .unclear, nil: true
            }
        }
        return !acceptors.quorum(of: configuration).isReached(by: ReplicaSet(left))
    }

    /// The view that this instance has of each replica, in the group's order. A replica that another incarnation has
    /// replaced is recognised only if `configuration` is known.
    func views(under configuration: GroupConfiguration?) -> [ReplicaView] {
        acceptors.replicas.replicaNames.enumerated().map { replica, name in
            guard acceptors.replicas.available.contains(replica), let observation = observations[replica] else {
                return ReplicaView(name: name)
            }
            var view = ReplicaView(
                name: name, observation.reported, keyCount: observation.keyCount,
                expectedIncarnation: configuration?.entries[replica].incarnation)
            if observation.identity != nil { view.rollbackCounter = observation.rollbackCounter }
            view.durabilityFaults = durability[replica]?.faults
            if let error = acceptors.writes.errors[replica] {
                view.lastWrite = .rejected(error)
            } else if observation.member != nil, acceptors.writes.accepting.contains(replica) {
                view.lastWrite = .applied
            }
            return view
        }
    }
}
