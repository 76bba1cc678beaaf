import RateLimiting

extension ServiceSettings {
    /// Reads the rate limits per client.
    /// - Returns: nil if no client has a limit.
    static func limits(from reader: inout SettingsReader) -> RateLimits? {
        func perWindow(_ name: String, _ window: RatePolicy.Window) -> UInt64 {
            reader.integer(
                name, default: 0, in: 0...RatePolicy.maxLimits[window]!,
                help: "Requests per \(window.rawValue) of one client, of all instances together; above it 429. "
                    + "0 for no limit.")
        }
        let perMinute = perWindow("RATE_LIMIT_PER_MINUTE", .minute)
        let perHour = perWindow("RATE_LIMIT_PER_HOUR", .hour)
        let burst: UInt64 = reader.integer(
            "RATE_LIMIT_BURST", default: 0, in: 0...RatePolicy.maxBurst,
            help: "Requests of one client at once, after a pause. 0: a sixth of the limit.")
        return RateLimits(perMinute: perMinute, perHour: perHour, burst: burst)
    }
}
