import Available
import Service

/// All settings of `app-ap`. The default values are those of ``AvailableSettings``.
struct APSettings: ProgramSettings, Sendable {
    let service: ServiceSettings
    let engine: AvailableSettings

    init(from reader: inout SettingsReader) {
        service = ServiceSettings(mode: .ap, from: &reader)
        if let bad = service.replicas.first(where: { !AvailableSettings.isValidReplicaName($0.name) }) {
            reader.reject("REPLICAS", "names '\(bad.name)': app-ap takes letters, digits, '_' and '-'")
        }
        var engine = AvailableSettings(
            groupName: service.identity.group,
            secret: GroupSecret(key: service.secrets.key, fallback: service.secrets.fallbackKey),
            nodeName: service.identity.nodeID)
        engine.preferredReplicas = service.redis.nearReplicas
        engine.maxStalenessMs = service.requests.maxStalenessMs
        engine.timeouts.callMs = service.redis.timeouts.callMs
        engine.writeAcks = reader.integer(
            "AP_WRITE_ACKS", default: engine.writeAcks,
            in: 1...(reader.isValid("REPLICAS") ? service.replicas.count : ServiceSettings.maxReplicas),
            help: "Replicas that must have a write before it is acknowledged.")
        engine.limits.maxSiblings = reader.integer(
            "AP_MAX_SIBLINGS", default: engine.limits.maxSiblings, in: 1...1_000,
            help: "A write with an old context is rejected if it would leave more concurrent values than this.")
        engine.limits.maxSiblingBytes = reader.integer(
            "AP_MAX_SIBLING_BYTES", default: engine.limits.maxSiblingBytes, in: 1...(1 << 30),
            help: "The same limit for the bytes of these values, because every read returns all of them.")
        engine.limits.maxHints = reader.integer(
            "AP_MAX_HINTS", default: engine.limits.maxHints, in: 1...100_000_000,
            help: "Hints that a replica stores for another; beyond that all records are compared instead.")
        engine.background.probeIntervalMs = reader.integer(
            "AP_PROBE_INTERVAL_MS", default: engine.background.probeIntervalMs, in: 20...60_000,
            help: "How often staleness is measured, in milliseconds; in health it is one to two of these.")
        let antiEntropyIntervalSec: UInt64 = reader.integer(
            "AP_ANTI_ENTROPY_INTERVAL_SEC", default: engine.background.antiEntropyIntervalMs / 1_000, in: 1...604_800,
            help: "How often all records of all replicas are compared, in seconds.")
        engine.background.antiEntropyIntervalMs = antiEntropyIntervalSec * 1_000
        let tombstoneGraceSec: Int64 = reader.integer(
            "AP_TOMBSTONE_GRACE_SEC", default: engine.tombstones.graceMs / 1_000, in: 60...315_360_000,
            help: "How long tombstones and expired values are kept, in seconds.")
        engine.tombstones.graceMs = tombstoneGraceSec * 1_000
        self.engine = engine
    }
}
