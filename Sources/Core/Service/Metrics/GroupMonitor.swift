import EventLoop
import Logging
import Redis
import Resilience
import Telemetry

/// Turns what happens to a group's connections into log events and metrics.
///
/// A replica whose breaker opens while others go on is what a partition looks like from inside, so that is when one is
/// suspected; it has healed when the breaker closes again.
final class GroupMonitor: RedisGroupObserver {
    private let names: [String]
    private let metrics: ServiceMetrics
    private let gauges: InstanceGauges.Share
    private let logger: Logger
    private unowned let group: RedisReplicaGroup
    private var isSuspected: [Bool]
    /// False where the engine tells of partitions itself: it knows when what was missed has arrived.
    private let tellsPartitions: Bool

    init(
        group: RedisReplicaGroup, metrics: ServiceMetrics, gauges: InstanceGauges.Share, logger: Logger,
        tellsPartitions: Bool
    ) {
        self.tellsPartitions = tellsPartitions
        self.gauges = gauges
        self.group = group
        self.metrics = metrics
        self.logger = logger
        names = group.replicaNames
        isSuspected = names.map { _ in false }
        for name in names {
            // Series that exist from the start show a rate from the first failure on.
            _ = metrics.connectionFailures(node: name)
            _ = metrics.connections(node: name)
        }
    }

    func connectionFailed(replica: Int, reason: String) {
        metrics.connectionFailures(node: names[replica]).increment()
        logger.event(
            .dbConnectFailure, .warning, "lost or could not make a connection",
            ["node": .string(names[replica]), "reason": .string(reason)])
    }

    func connected(replica: Int) {
        metrics.connections(node: names[replica]).increment()
        logger.event(.replicaUp, .info, "connected", ["node": .string(names[replica])])
    }

    func breakerChanged(replica: Int, _ transition: CircuitBreaker.Transition) {
        let name = names[replica]
        metrics.breakerChanges(node: name, to: transition.to.name).increment()
        logger.event(
            .circuitBreakerStateChange, transition.to == .open ? .warning : .info, "breaker moved",
            [
                "node": .string(name), "from": .string(transition.from.name), "to": .string(transition.to.name),
                "consecutive_failures": .stringConvertible(transition.consecutiveFailures),
            ])
        guard tellsPartitions else { return }
        switch transition.to {
        case .open where !isSuspected[replica]:
            isSuspected[replica] = true
            let reachable = group.available.map { names[$0] }
            logger.event(
                .partitionSuspected, .warning, "a replica does not answer",
                ["node": .string(name), "reachable": .string(reachable.joined(separator: ","))])
        case .closed where isSuspected[replica]:
            isSuspected[replica] = false
            logger.event(.partitionHealed, .notice, "the replica answers again", ["node": .string(name)])
        default: break
        }
    }

    /// Sets the gauges; from the reactor's thread, a few times a second, so that a scrape never waits for it.
    func updateGauges() {
        for (status, gauges) in zip(group.status(), gauges.replicas) {
            let isUp = status.isConnected && status.breaker.state == .closed
            gauges.breakerState.set(Double(status.breaker.state.rawValue))
            gauges.isUp.set(isUp ? 1 : 0)
            gauges.inFlight.set(Double(status.inFlight))
        }
    }
}
