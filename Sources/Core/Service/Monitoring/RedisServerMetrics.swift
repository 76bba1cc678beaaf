import EventLoop
import Redis
import Replication
import Telemetry

/// The state of the Redis servers themselves, from their `INFO`: memory, append-only file, last dump.
struct RedisServerMetrics: Sendable {
    private let usedBytes: GaugeFamily
    private let maxBytes: GaugeFamily
    private let aofOK: GaugeFamily
    private let aofBytes: GaugeFamily
    private let lastDump: GaugeFamily

    static let intervalNs = 5_000 * nsPerMs

    init(in registry: PrometheusRegistry) {
        usedBytes = registry.gauge(
            "redis_memory_used_bytes", help: "Memory that a replica's Redis uses, in bytes.", labels: ["node"])
        maxBytes = registry.gauge(
            "redis_memory_max_bytes", help: "Limit of a replica's memory, in bytes; +Inf for no limit.",
            labels: ["node"])
        aofOK = registry.gauge(
            "redis_aof_ok",
            help: "1 if the append-only file of a replica is on and its last write and rewrite succeeded, else 0.",
            labels: ["node"])
        aofBytes = registry.gauge(
            "redis_aof_size_bytes", help: "Size of a replica's append-only file, in bytes.", labels: ["node"])
        lastDump = registry.gauge(
            "redis_last_dump_timestamp_seconds",
            help: "Time of a replica's last dump, or of its start if there was none, in seconds since 1970 (UTC).",
            labels: ["node"])
    }

    /// Asks every available replica of `group`. The values of any other replica, or of one that does not answer, become
    /// NaN, because the last ones may be outdated.
    @Sendable func update(_ group: RedisReplicaGroup, _ reactor: Reactor, timeoutNs: UInt64) async {
        let client = ReplicaClient(group: group, scheduler: reactor, timeoutNs: timeoutNs)
        let replies = await client.ask(.plain("INFO"), of: group.available)
        for (replica, name) in group.replicaNames.enumerated() { show(ServerInfo(replies[replica]), of: name) }
    }

    func show(_ info: ServerInfo?, of node: String) {
        func number(_ name: StaticString) -> Double { info?[name].flatMap { Double($0) } ?? .nan }
        usedBytes.with(node).set(number("used_memory"))
        let limit = number("maxmemory")
        maxBytes.with(node).set(limit == 0 ? .infinity : limit)
        let isOK =
            info?["aof_enabled"] == "1" && info?["aof_last_write_status"] == "ok"
            && info?["aof_last_bgrewrite_status"] == "ok"
        aofOK.with(node).set(info?["aof_enabled"] == nil ? .nan : isOK ? 1 : 0)
        aofBytes.with(node).set(number("aof_current_size"))
        lastDump.with(node).set(number("rdb_last_save_time"))
    }
}
