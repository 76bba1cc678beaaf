import Glibc
import Testing

@testable import Telemetry

/// The metrics of the test process.
private struct ProcessMetrics {
    private let registry = PrometheusRegistry()
    private let collector: ProcessCollector

    init() { collector = ProcessCollector(in: registry) }

    func collect() throws -> [String: Double] {
        collector.collect()
        return try OpenMetricsChecker.parse(text(registry, .openMetrics))
    }
}

@Suite(.timeLimit(.minutes(20))) struct ProcessCollectorTests {
    @Test func processMetricsDescribeThisProcess() throws {
        let metrics = ProcessMetrics()
        let samples = try metrics.collect()
        let resident = try #require(samples["process_resident_memory_bytes{}"])
        let virtual = try #require(samples["process_virtual_memory_bytes{}"])
        #expect(resident > 1_000_000 && resident < 8e9)
        #expect(virtual >= resident)
        #expect(try #require(samples["process_open_fds{}"]) >= 3)
        #expect(try #require(samples["process_max_fds{}"]) >= 64)
        let start = try #require(samples["process_start_time_seconds{}"])
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        #expect(start <= Double(now.tv_sec) + 1)
        #expect(start > Double(now.tv_sec) - 86_400)
    }

    @Test func cpuTimeRisesWithWorkAndNeverFalls() throws {
        let metrics = ProcessMetrics()
        var last = 0.0
        for _ in 0..<20 {
            var sum: UInt64 = 0
            for number in 0..<200_000 as Range<UInt64> { sum = sum &* 31 &+ number }
            #expect(sum != 1)
            let now = try #require(try metrics.collect()["process_cpu_seconds_total{}"])
            #expect(now > last)
            last = now
        }
    }

    @Test func residentMemoryFollowsTouchedPages() throws {
        let metrics = ProcessMetrics()
        let before = try #require(try metrics.collect()["process_resident_memory_bytes{}"])
        let block = UnsafeMutableRawPointer.allocate(byteCount: 64 << 20, alignment: 4_096)
        defer { block.deallocate() }
        memset(block, 1, 64 << 20)
        let after = try #require(try metrics.collect()["process_resident_memory_bytes{}"])
        #expect(after > before + Double(32 << 20))
    }

    @Test func anOpenFileIsCounted() throws {
        let metrics = ProcessMetrics()
        // Other tests open and close descriptors meanwhile, so a single count may be wrong.
        let isCounted = try (0..<1_000).contains { _ in
            let before = try #require(try metrics.collect()["process_open_fds{}"])
            let descriptor = open("/dev/null", O_RDONLY)
            defer { close(descriptor) }
            return try metrics.collect()["process_open_fds{}"] == before + 1
        }
        #expect(isCounted)
    }
}
