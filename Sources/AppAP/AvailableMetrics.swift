import Available
import Logging
import Replication
import Service
import Telemetry

/// Updates metrics and writes log events of `app-ap` when the engine reports its events.
final class AvailableMetrics: AvailableEvents {
    private let names: [String]
    private let logger: Logger
    private let staleness: GaugeFamily
    private let isRefused: GaugeFamily
    private let isWritable: GaugeFamily
    private let hintsPending: GaugeFamily
    private let hintsOverflowed: GaugeFamily
    private let conflictKeys: GaugeFamily
    private let antiEntropyNeeded: GaugeFamily
    private let handoffKeys: CounterFamily
    private let antiEntropyRuns: CounterFamily
    private let conflictReads: CounterSeries
    private let overwrittenUnseen: CounterSeries
    private let collectedTombstones: CounterSeries

    private static let antiEntropyResults = ["complete", "failed"]

    /// - Parameter names: names of the replicas, in the group's order.
    init(_ metrics: ServiceMetrics, names: [String], logger: Logger) {
        self.names = names
        self.logger = logger
        staleness = metrics.staleness
        isRefused = metrics.replicaRefused
        let registry = metrics.registry
        isWritable = registry.gauge(
            "ap_replica_writable", help: "0 while a replica rejects probes or changes, else 1.", labels: ["node"])
        hintsPending = registry.gauge(
            "ap_hints_pending", help: "Keys for which a replica has a hint for another one.", labels: ["node", "peer"])
        hintsOverflowed = registry.gauge(
            "ap_hints_overflowed", help: "Writes whose hint did not fit into the list.", labels: ["node", "peer"])
        conflictKeys = registry.gauge(
            "ap_conflict_keys", help: "Keys of which a replica holds more than one value.", labels: ["node"])
        antiEntropyNeeded = registry.gauge(
            "ap_anti_entropy_needed",
            help: "1 while a replica may lack records without a hint, until all records were compared, else 0.",
            labels: ["node"])
        handoffKeys = registry.counter(
            "ap_handoff_keys_total", help: "Keys delivered by hinted handoff.", labels: ["node", "peer"])
        antiEntropyRuns = registry.counter(
            "ap_anti_entropy_runs_total", help: "Comparisons of all records of a replica, by how they ended.",
            labels: ["node", "result"])
        conflictReads = registry.counter(
            "ap_conflict_reads_total", help: "Reads that found more than one value."
        ).with()
        overwrittenUnseen = registry.counter(
            "ap_overwritten_unseen_total",
            help: "Values that writes without a context replaced, without the newest one of each write."
        ).with()
        collectedTombstones = registry.counter(
            "ap_tombstones_collected_total", help: "Tombstones and expired values collected on all replicas."
        ).with()
        // Create all series at the start. A counter that first appears with its first event would show no rate for it.
        for name in names {
            for result in Self.antiEntropyResults { _ = antiEntropyRuns.with(name, result) }
            for peer in names where peer != name { _ = handoffKeys.with(name, peer) }
        }
    }

    func replicasProbed(_ replicas: [AvailableReplicaStatus]) {
        for replica in replicas {
            // Report unknown staleness as infinity, so that every alert with a threshold fires.
            staleness.with(replica.name).set(replica.stalenessMs.map(Double.init) ?? .infinity)
            isRefused.with(replica.name).set(replica.refusal == nil ? 0 : 1)
            isWritable.with(replica.name).set(replica.error == nil ? 1 : 0)
            conflictKeys.with(replica.name).set(Double(replica.conflictKeys))
            antiEntropyNeeded.with(replica.name).set(replica.needsAntiEntropy ? 1 : 0)
            for hints in replica.hints {
                hintsPending.with(replica.name, hints.peer).set(Double(hints.count))
                hintsOverflowed.with(replica.name, hints.peer).set(Double(hints.overflowed))
            }
        }
    }

    func conflictRead(values: Int) { conflictReads.increment() }

    func valuesOverwritten(_ count: Int) { overwrittenUnseen.increment(by: count) }

    func hintsDelivered(owner: Int, peer: Int, count: Int) {
        handoffKeys.with(names[owner], names[peer]).increment(by: count)
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

    func replicaDown(_ replica: Int) {
        logger.event(
            .replicaDown, .warning, "nothing listens at a replica's address",
            ["node": .string(names[replica])])
    }

    func replicaRecovered(_ replica: Int) {
        logger.notice(
            "the replica answers again and all hints are delivered", metadata: ["node": .string(names[replica])])
    }

    func partitionSuspected(replica: Int) {
        logger.event(.partitionSuspected, .warning, "a replica does not answer", ["node": .string(names[replica])])
    }

    /// Called once the replica answers again, and all hints from the time of the partition have been delivered.
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

    func foreignKeyFound(replica: Int, redisKey: Bytes) {
        logger.error(
            "a Redis key with the prefix of records holds something else",
            metadata: [
                "node": .string(names[replica]), "redis_key": .string(String(decoding: redisKey, as: UTF8.self)),
            ])
    }

    func tombstonesCollected(_ count: Int) { collectedTombstones.increment(by: count) }

    func antiEntropyEnded(replica: Int, compared: Int, repaired: Int, failure: String?) {
        antiEntropyRuns.with(names[replica], Self.antiEntropyResults[failure == nil ? 0 : 1]).increment()
        logger.log(
            level: failure == nil ? .info : .notice, "compared all records of a replica",
            metadata: [
                "node": .string(names[replica]), "compared": .stringConvertible(compared),
                "repaired": .stringConvertible(repaired), "failure": .string(failure ?? "none"),
            ])
    }
}
