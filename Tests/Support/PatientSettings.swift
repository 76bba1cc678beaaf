import Redis

extension RedisGroupSettings {
    /// A busy machine must not make a server look unresponsive, which would end its connection and fail the requests on
    /// it.
    public static var patient: RedisGroupSettings {
        var settings = RedisGroupSettings()
        settings.timeouts.callMs = 2_000
        settings.timeouts.stallMs = 4_000
        settings.timeouts.connectMs = 5_000
        return settings
    }
}
