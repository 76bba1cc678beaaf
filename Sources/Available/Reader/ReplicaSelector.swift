import EventLoop
import Replication

/// Chooses the replica to ask first, from the known state of all replicas (rule A7).
final class ReplicaSelector {
    private let environment: Environment
    private var order: ReplicaOrder
    /// The ``ReplicaTable/generation`` from which the order was computed.
    private var generation: UInt64 = 0
    /// The last time at which some replica could be asked.
    private var usableNs: UInt64?

    /// Longer than the longest time for which a circuit breaker stays open before it tests the replica.
    private static let maxInterruptionNs = 2_000 * nsPerMs
    /// A replica is clearly staler than another if the difference is more than this, and more than four probe
    /// intervals. Healthy replicas differ by at most one interval.
    private static let clearlyStalerMs: Int64 = 1_000

    init(_ environment: Environment) {
        self.environment = environment
        order = ReplicaOrder(count: environment.group.replicaCount)
    }

    private var replicas: ReplicaTable { environment.replicas }

    /// Forces a new computation of the order before the next choice.
    func invalidate() { order.invalidate() }

    /// The best replica to coordinate a change. A replica that rejects writes is chosen only if there is no other.
    func nearestCoordinator(excluding excluded: ReplicaSet) -> Int? {
        nearest(excluding: excluded.union(replicas.rejectingWrites)) ?? nearest(excluding: excluded)
    }

    /// The best replica to ask; nil if none can be asked.
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

    /// True if no replica can be asked now, but one could a moment ago: connections were lost, or circuit breakers
    /// opened. Then a request waits for a replica to return. After a longer time without replicas, requests fail at
    /// once.
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
