import Available
import Logging
import Replication
import Service
import Telemetry

/// Metrics that only `app-ap` has.
struct APMetrics: Sendable {
    let service: ServiceMetrics
    private let outbox: GaugeFamily?
    private let overflowed: GaugeFamily?
    private let conflictsFamily: GaugeFamily?
    private let comparingFamily: GaugeFamily?
    private let drainedFamily: CounterFamily?
    private let walksFamily: CounterFamily?
    let conflictReads: CounterSeries?
    let overwritten: CounterSeries?
    let reaped: CounterSeries?

    init(metrics: ServiceMetrics) {
        service = metrics
        let registry = metrics.registry
        // A name of ours that is taken would be a mistake of ours; metrics must not keep the service from starting.
        outbox = try? registry.gauge(
            "ap_hints_pending", help: "Keys that a replica owes another one.", labels: ["node", "peer"])
        overflowed = try? registry.gauge(
            "ap_hints_overflowed", help: "Writes that a full outbox could not list.", labels: ["node", "peer"])
        conflictsFamily = try? registry.gauge(
            "ap_conflict_keys", help: "Keys of which a replica holds more than one value.", labels: ["node"])
        comparingFamily = try? registry.gauge(
            "ap_anti_entropy_needed",
            help: "1 where a replica may lack what no outbox lists, until all records were compared, else 0.",
            labels: ["node"])
        drainedFamily = try? registry.counter(
            "ap_handoff_keys_total", help: "Keys delivered in the background.", labels: ["node", "peer"])
        walksFamily = try? registry.counter(
            "ap_anti_entropy_runs_total", help: "Comparisons of all records of a replica, by how they ended.",
            labels: ["node", "result"])
        conflictReads = try? registry.counter(
            "ap_conflict_reads_total", help: "Reads that found more than one value."
        ).with()
        overwritten = try? registry.counter(
            "ap_overwritten_unseen_total", help: "Values replaced by a write without a context that had not seen them."
        ).with()
        reaped = try? registry.counter(
            "ap_tombstones_collected_total", help: "Tombstones and expired values collected on all replicas."
        ).with()
    }

    func outbox(node: String, peer: String) -> GaugeSeries? { outbox?.with(node, peer) }
    func overflowed(node: String, peer: String) -> GaugeSeries? { overflowed?.with(node, peer) }
    func conflicts(node: String) -> GaugeSeries? { conflictsFamily?.with(node) }
    func comparing(node: String) -> GaugeSeries? { comparingFamily?.with(node) }
    func drained(node: String, peer: String) -> CounterSeries? { drainedFamily?.with(node, peer) }
    func walks(node: String, result: String) -> CounterSeries? { walksFamily?.with(node, result) }
}

/// Turns what the AP engine tells into log events and metrics.
final class APReporter: AvailableObserver {
    private let names: [String]
    private let metrics: APMetrics
    private let logger: Logger

    init(names: [String], metrics: APMetrics, logger: Logger) {
        self.names = names
        self.metrics = metrics
        self.logger = logger
    }

    func stalenessMeasured(replica: Int, stalenessMs: Int64?) {
        // Unknown is worse than any number: shown as infinity, so that an alert on a threshold sees it.
        metrics.service.staleness(node: names[replica]).set(stalenessMs.map(Double.init) ?? .infinity)
    }

    func outboxMeasured(owner: Int, peer: Int, entries: Int, overflowed: Int) {
        metrics.outbox(node: names[owner], peer: names[peer])?.set(Double(entries))
        metrics.overflowed(node: names[owner], peer: names[peer])?.set(Double(overflowed))
    }

    func conflictsMeasured(replica: Int, keys: Int) {
        metrics.conflicts(node: names[replica])?.set(Double(keys))
    }

    func comparisonMeasured(replica: Int, isNeeded: Bool) {
        metrics.comparing(node: names[replica])?.set(isNeeded ? 1 : 0)
    }

    func conflictSeen(values: Int) { metrics.conflictReads?.increment() }

    func valuesOverwritten(_ count: Int) { metrics.overwritten?.increment(by: UInt64(count)) }

    func drained(owner: Int, peer: Int, entries: Int) {
        metrics.drained(node: names[owner], peer: names[peer])?.increment(by: UInt64(entries))
        logger.debug(
            "delivered debt",
            metadata: [
                "node": .string(names[owner]), "peer": .string(names[peer]), "entries": .stringConvertible(entries),
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

    /// Later than the replica's first answer: all that it and the others owed each other has been delivered.
    func partitionHealed(replica: Int) {
        logger.event(
            .partitionHealed, .notice, "the replica answers again and all debt is delivered",
            ["node": .string(names[replica])])
    }

    func replicaRefused(_ replica: Int, reason: String) {
        logger.event(
            .replicaRefused, .error, "a replica must not be used",
            ["node": .string(names[replica]), "reason": .string(reason)])
    }

    func badRecord(replica: Int, redisKey: Bytes) {
        logger.error(
            "a key in Redis is no record of ours",
            metadata: [
                "node": .string(names[replica]), "redis_key": .string(String(decoding: redisKey, as: UTF8.self)),
            ])
    }

    func reaped(_ count: Int) { metrics.reaped?.increment(by: UInt64(count)) }

    func walkEnded(replica: Int, compared: Int, mended: Int, failure: String?) {
        metrics.walks(node: names[replica], result: failure == nil ? "complete" : "failed")?.increment()
        logger.log(
            level: failure == nil ? .info : .notice, "compared all records of a replica",
            metadata: [
                "node": .string(names[replica]), "compared": .stringConvertible(compared),
                "mended": .stringConvertible(mended), "failure": .string(failure ?? "none"),
            ])
    }
}
