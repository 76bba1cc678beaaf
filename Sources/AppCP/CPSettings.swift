import Consistent
import Service

/// All settings of `app-cp`.
struct CPSettings: Sendable {
    let service: ServiceSettings
    let engine: ConsistentSettings

    init(from reader: inout SettingsReader) throws(SettingError) {
        service = try ServiceSettings(mode: .cp, from: &reader)
        var engine = ConsistentSettings()
        engine.groupName = service.group
        engine.maxPending = try reader.integer(
            "CP_MAX_PENDING", default: 10_000, in: 1...1_000_000,
            help: "Changes that wait for a round; above it 503 overloaded.")
        engine.maxBatch = try reader.integer(
            "CP_MAX_BATCH", default: 128, in: 1...10_000, help: "Changes of one key in one round.")
        engine.readHedgeMs = UInt64(
            try reader.integer(
                "CP_READ_HEDGE_MS", default: 5, in: 0...10_000,
                help: "A read asks the nearest majority first, and the others after this delay, in milliseconds."))
        engine.probeTimeoutMs = max(engine.probeTimeoutMs, service.redis.callTimeoutMs + 50)
        self.engine = engine
    }
}
