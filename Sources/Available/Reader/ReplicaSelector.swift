import EventLoop
import Replication

/// Chooses the replica to ask first, from what is known of all of them (rule A7).
final class ReplicaSelector {
    private let environment: Environment
    private var order: ReplicaOrder
    /// The ``ReplicaTable/generation`` that the order was computed from.
    private var generation: UInt64 = 0
    /// When some replica could last be asked.
    private var usableNs: UInt64?

    /// Longer than the longest pause of a circuit breaker before it tries again.
    private static let maxInterruptionNs = 2_000 * nsPerMs
    /// A replica is clearly staler than another by more than this, or by four probes: in health it is by one at most.
    private static let clearlyStalerMs: Int64 = 1_000

    init(_ environment: Environment) {
        self.environment = environment
        order = ReplicaOrder(count: environment.group.replicaCount)
    }

    private var replicas: ReplicaTable { environment.replicas }

    /// Recomputes the order before the next choice.
    func invalidate() { order.invalidate() }

    /// The best replica to coordinate a change: one that rejected the last changes only if there is no other.
    func nearestCoordinator(excluding excluded: ReplicaSet) -> Int? {
        nearest(excluding: excluded.union(replicas.rejectingWrites)) ?? nearest(excluding: excluded)
    }

    /// The best replica that can be asked; nil if there is none.
    func nearest(excluding excluded: ReplicaSet = []) -> Int? {
        if generation != replicas.generation || !order.isValid(atNs: environment.nowNs) {
            generation = replicas.generation
            update()
        }
        let available = environment.group.available
        for replica in order.order
        where available.contains(replica) && !excluded.contains(replica) && replicas.clocks[replica] != nil {
            usableNs = environment.nowNs
            return replica
        }
        return nil
    }

    /// No replica can be asked, but one could be a moment ago: a short interruption, or open circuit breakers. A
    /// request waits for a replica to come back; if they stay away for longer, it fails at once.
    var isBetweenConnections: Bool {
        guard environment.group.available.isEmpty, let usableNs else { return false }
        return environment.nowNs - usableNs < Self.maxInterruptionNs
    }

    private func update() {
        let usable = replicas.usable
        let rejecting = replicas.rejectingWrites
        let preferred = environment.settings.preferredReplicas
        let marginMs = max(Self.clearlyStalerMs, 4 * Int64(environment.settings.background.probeIntervalMs))
        let freshestMs = usable.compactMap { replicas.stalenessMs(of: $0) }.min() ?? 0
        let candidates = replicas.names.indices.map { replica in
            let stalenessMs = replicas.stalenessMs(of: replica)
            return ReplicaOrder.Candidate(
                isUsable: usable.contains(replica), isComplete: stalenessMs != nil,
                isFresh: stalenessMs.map { $0 <= freshestMs + marginMs } ?? false,
                acceptsWrites: !rejecting.contains(replica), isPreferred: preferred.contains(replicas.names[replica]),
                latencyNs: environment.group.latencyNs(replica))
        }
        order.update(candidates, nowNs: environment.nowNs)
    }
}
