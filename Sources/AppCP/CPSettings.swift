import Consistent
import Service

/// All settings of `app-cp`. Engine settings default to the values of ``ConsistentSettings``.
struct CPSettings: ProgramSettings, Sendable {
    let service: ServiceSettings
    let engine: ConsistentSettings

    init(from reader: inout SettingsReader) {
        service = ServiceSettings(mode: .cp, from: &reader)
        var engine = ConsistentSettings()
        engine.groupName = service.identity.group
        engine.maxPending = reader.integer(
            "CP_MAX_PENDING", default: engine.maxPending, in: 1...1_000_000,
            help: "Changes that wait for a round; above it 503 overloaded.")
        engine.maxBatch = reader.integer(
            "CP_MAX_BATCH", default: engine.maxBatch, in: 1...10_000, help: "Changes of one key in one round.")
        engine.readHedgeMs = reader.integer(
            "CP_READ_HEDGE_MS", default: engine.readHedgeMs, in: 0...10_000,
            help: "A read asks the nearest majority first, and the others after this delay, in milliseconds.")
        engine.probes.timeoutMs = max(engine.probes.timeoutMs, service.redis.timeouts.callMs + 50)
        self.engine = engine
    }
}
