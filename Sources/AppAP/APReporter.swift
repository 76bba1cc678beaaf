import Available
import Logging
import Replication
import Service
import Telemetry

/// Metrics that only `app-ap` has.
struct APMetrics: Sendable {
    let service: ServiceMetrics
    private let hintsFamily: GaugeFamily?
    private let overflowedFamily: GaugeFamily?
    private let conflictsFamily: GaugeFamily?
    private let antiEntropyNeededFamily: GaugeFamily?
    private let handoffKeysFamily: CounterFamily?
    private let antiEntropyRunsFamily: CounterFamily?
    let conflictReads: CounterSeries?
    let overwritten: CounterSeries?
    let tombstonesCollected: CounterSeries?

    init(metrics: ServiceMetrics) {
        service = metrics
        let registry = metrics.registry
        // A name that is taken would be a programming error; metrics must not keep the service from starting.
        hintsFamily = try? registry.gauge(
            "ap_hints_pending", help: "Keys for which a replica has a hint for another one.", labels: ["node", "peer"])
        overflowedFamily = try? registry.gauge(
            "ap_hints_overflowed", help: "Writes that found no room for a hint.", labels: ["node", "peer"])
        conflictsFamily = try? registry.gauge(
            "ap_conflict_keys", help: "Keys of which a replica holds more than one value.", labels: ["node"])
        antiEntropyNeededFamily = try? registry.gauge(
            "ap_anti_entropy_needed",
            help: "1 while a replica may lack records without a hint, until all records were compared, else 0.",
            labels: ["node"])
        handoffKeysFamily = try? registry.counter(
            "ap_handoff_keys_total", help: "Keys delivered by hinted handoff.", labels: ["node", "peer"])
        antiEntropyRunsFamily = try? registry.counter(
            "ap_anti_entropy_runs_total", help: "Comparisons of all records of a replica, by how they ended.",
            labels: ["node", "result"])
        conflictReads = try? registry.counter(
            "ap_conflict_reads_total", help: "Reads that found more than one value."
        ).with()
        overwritten = try? registry.counter(
            "ap_overwritten_unseen_total", help: "Values replaced by a write without a context that had not seen them."
        ).with()
        tombstonesCollected = try? registry.counter(
            "ap_tombstones_collected_total", help: "Tombstones and expired values collected on all replicas."
        ).with()
    }

    func hints(node: String, peer: String) -> GaugeSeries? { hintsFamily?.with(node, peer) }
    func overflowed(node: String, peer: String) -> GaugeSeries? { overflowedFamily?.with(node, peer) }
    func conflicts(node: String) -> GaugeSeries? { conflictsFamily?.with(node) }
    func antiEntropyNeeded(node: String) -> GaugeSeries? { antiEntropyNeededFamily?.with(node) }
    func handoffKeys(node: String, peer: String) -> CounterSeries? { handoffKeysFamily?.with(node, peer) }
    func antiEntropyRuns(node: String, result: String) -> CounterSeries? { antiEntropyRunsFamily?.with(node, result) }
}

/// Turns the events of the AP engine into log events and metrics.
final class APReporter: AvailableEvents {
    private let names: [String]
    private let metrics: APMetrics
    private let logger: Logger

    init(names: [String], metrics: APMetrics, logger: Logger) {
        self.names = names
        self.metrics = metrics
        self.logger = logger
    }

    func replicasProbed(_ replicas: [AvailableReplicaStatus]) {
        for replica in replicas {
            // Unknown is worse than any number: infinity triggers every alert with a threshold.
            metrics.service.staleness(node: replica.name).set(replica.stalenessMs.map(Double.init) ?? .infinity)
            metrics.conflicts(node: replica.name)?.set(Double(replica.conflictKeys))
            metrics.antiEntropyNeeded(node: replica.name)?.set(replica.needsAntiEntropy ? 1 : 0)
            for hints in replica.hints {
                metrics.hints(node: replica.name, peer: hints.peer)?.set(Double(hints.count))
                metrics.overflowed(node: replica.name, peer: hints.peer)?.set(Double(hints.overflowed))
            }
        }
    }

    func conflictRead(values: Int) { metrics.conflictReads?.increment() }

    func valuesOverwritten(_ count: Int) { metrics.overwritten?.increment(by: UInt64(count)) }

    func hintsDelivered(owner: Int, peer: Int, count: Int) {
        metrics.handoffKeys(node: names[owner], peer: names[peer])?.increment(by: UInt64(count))
        logger.debug(
            "delivered hints",
            metadata: [
                "node": .string(names[owner]), "peer": .string(names[peer]), "count": .stringConvertible(count),
            ])
    }

    func replicaAdopted(_ replica: Int, incarnation: String) {
        logger.notice(
            "adopted a replica that is new, or was restarted, restored or wiped",
            metadata: ["node": .string(names[replica]), "incarnation": .string(incarnation)])
    }

    func partitionSuspected(replica: Int) {
        logger.event(.partitionSuspected, .warning, "a replica does not answer", ["node": .string(names[replica])])
    }

    /// Later than the replica's first answer: all hints from the time apart have been delivered.
    func partitionHealed(replica: Int) {
        logger.event(
            .partitionHealed, .notice, "the replica answers again and all hints are delivered",
            ["node": .string(names[replica])])
    }

    func replicaRefused(_ replica: Int, reason: String) {
        logger.event(
            .replicaRefused, .error, "a replica must not be used",
            ["node": .string(names[replica]), "reason": .string(reason)])
    }

    func invalidRecordFound(replica: Int, redisKey: Bytes) {
        logger.error(
            "a Redis key with the prefix of records holds something else",
            metadata: [
                "node": .string(names[replica]), "redis_key": .string(String(decoding: redisKey, as: UTF8.self)),
            ])
    }

    func tombstonesCollected(_ count: Int) { metrics.tombstonesCollected?.increment(by: UInt64(count)) }

    func antiEntropyEnded(replica: Int, compared: Int, repaired: Int, failure: String?) {
        metrics.antiEntropyRuns(node: names[replica], result: failure == nil ? "complete" : "failed")?.increment()
        logger.log(
            level: failure == nil ? .info : .notice, "compared all records of a replica",
            metadata: [
                "node": .string(names[replica]), "compared": .stringConvertible(compared),
                "repaired": .stringConvertible(repaired), "failure": .string(failure ?? "none"),
            ])
    }
}
