import Telemetry

/// Gauges of which each reactor knows a share: its own connections, its own requests.
///
/// A reactor sets its share; a scrape shows what the shares make together, and of a replica's state the worst, for a client
/// may be on any reactor.
final class InstanceGauges: Sendable {
    /// What one reactor sets.
    struct Share: Sendable {
        let requestsInFlight = GaugeSeries()
        let replicas: [Replica]

        struct Replica: Sendable {
            let breakerState = GaugeSeries()
            let isUp = GaugeSeries()
            let inFlight = GaugeSeries()
        }
    }

    let shares: [Share]

    init(metrics: ServiceMetrics, nodes: [String], reactorCount: Int) {
        let shares = (0..<reactorCount).map { _ in Share(replicas: nodes.map { _ in Share.Replica() }) }
        self.shares = shares
        metrics.requestsInFlight.computed { Self.sum(shares.map(\.requestsInFlight)) }
        for (index, node) in nodes.enumerated() {
            let replicas = shares.map { $0.replicas[index] }
            metrics.breakerState.computed(node) { replicas.compactMap(\.breakerState.value).max() }
            metrics.replicaUp.computed(node) { replicas.compactMap(\.isUp.value).min() }
            metrics.replicaInFlight.computed(node) { Self.sum(replicas.map(\.inFlight)) }
        }
    }

    private static func sum(_ series: [GaugeSeries]) -> Double {
        series.reduce(0) { $0 + ($1.value ?? 0) }
    }
}
