import Replication
import Telemetry
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct RedisServerMetricsTests {
    private let registry = PrometheusRegistry()

    /// The samples after this `INFO`, by name.
    private func samples(_ info: [String?]) -> [String: String] {
        let metrics = RedisServerMetrics(in: registry)
        for text in info { metrics.show(text.map { ServerInfo(Bytes($0.utf8)) }, of: "g1") }
        let page = String(decoding: registry.page(.text), as: UTF8.self)
        let found = page.matches(of: /(?m)^([a-z_]+)\{node="g1"\} (.*)$/).map { (String($0.1), String($0.2)) }
        return Dictionary(uniqueKeysWithValues: found)
    }

    private let info =
        "# Memory\r\nused_memory:1048576\r\nmaxmemory:2097152\r\n# Persistence\r\nrdb_last_save_time:1790000000\r\n"
        + "aof_enabled:1\r\naof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\naof_current_size:77\r\n"

    @Test func memoryFileAndLastDumpAreShown() {
        #expect(
            samples([info]) == [
                "redis_memory_used_bytes": "1048576", "redis_memory_max_bytes": "2097152", "redis_aof_ok": "1",
                "redis_aof_size_bytes": "77", "redis_last_dump_timestamp_seconds": "1790000000",
            ])
    }

    @Test func noLimitIsInfinite() {
        let text = info.replacing("maxmemory:2097152", with: "maxmemory:0")
        #expect(samples([text])["redis_memory_max_bytes"] == "+Inf")
    }

    @Test(arguments: [
        ("aof_last_write_status:ok", "aof_last_write_status:err"),
        ("aof_last_bgrewrite_status:ok", "aof_last_bgrewrite_status:err"), ("aof_enabled:1", "aof_enabled:0"),
    ])
    func aFailingAppendOnlyFileIsShown(_ good: String, _ bad: String) {
        #expect(samples([info.replacing(good, with: bad)])["redis_aof_ok"] == "0")
    }

    @Test func aReplicaThatDoesNotAnswerHasNoValues() {
        let values = samples([info, nil])
        #expect(values.count == 5)
        #expect(values.values.allSatisfy { $0 == "NaN" })
    }
}
