import CoreMetrics
import Telemetry
import Testing

/// What a library that reports through swift-metrics puts on the page.
private func page(_ use: (PrometheusMetricsFactory) -> Void) throws -> [String] {
    let registry = PrometheusRegistry(maxFamilies: 4)
    let factory = try PrometheusMetricsFactory(
        registry: registry, timerBuckets: HistogramBuckets([0.1]), recorderBuckets: HistogramBuckets([10])
    )
    use(factory)
    return text(registry).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
}

@Test func countersOfLibrariesGetTheirSuffixAndAValidName() throws {
    let lines = try page { factory in
        Counter(label: "http.requests-seen", dimensions: [("status", "200"), ("a.b", "x")], factory: factory)
            .increment(by: 3)
        Counter(label: "http.requests-seen", dimensions: [("a.b", "x"), ("status", "200")], factory: factory)
            .increment()
        FloatingPointCounter(label: "1st_total", dimensions: [], factory: factory).increment(by: 0.5)
    }
    #expect(
        lines == ["_1st_total 0.5", "http_requests_seen_total{a_b=\"x\",status=\"200\"} 4", "metrics_rejected_total 0"]
    )
}

@Test func seriesOfOneLibraryFamilyMayHaveDifferentLabels() throws {
    let lines = try page { factory in
        Counter(label: "a", dimensions: [], factory: factory).increment()
        Counter(label: "a", dimensions: [("x", "1")], factory: factory).increment()
    }
    #expect(lines == ["a_total 1", "a_total{x=\"1\"} 1", "metrics_rejected_total 0"])
}

@Test func timersBecomeHistogramsOfSeconds() throws {
    let lines = try page { factory in
        let timer = Timer(label: "call.time", dimensions: [("le", "x")], factory: factory)
        timer.recordMilliseconds(50)
        timer.recordSeconds(2)
        timer.recordNanoseconds(-1)
    }
    #expect(
        lines == [
            "call_time_seconds_bucket{le_=\"x\",le=\"0.1\"} 2", "call_time_seconds_bucket{le_=\"x\",le=\"+Inf\"} 3",
            "call_time_seconds_sum{le_=\"x\"} 2.05", "call_time_seconds_count{le_=\"x\"} 3", "metrics_rejected_total 0",
        ]
    )
}

@Test func recordersBecomeHistogramsAndTheOthersGauges() throws {
    let lines = try page { factory in
        Recorder(label: "size", dimensions: [], aggregate: true, factory: factory).record(7)
        Recorder(label: "depth", dimensions: [], aggregate: false, factory: factory).record(8)
        let meter = Meter(label: "level", dimensions: [], factory: factory)
        meter.set(10)
        meter.increment(by: 5)
        meter.decrement(by: 1)
    }
    #expect(
        lines == [
            "depth 8", "level 14", "metrics_rejected_total 0", "size_bucket{le=\"10.0\"} 1",
            "size_bucket{le=\"+Inf\"} 1", "size_sum 7", "size_count 1",
        ]
    )
}

@Test func metricsThatCannotBeShownAreCountedAndStopNothing() throws {
    let lines = try page { factory in
        Meter(label: "a", dimensions: [], factory: factory).set(1)
        Counter(label: "a", dimensions: [], factory: factory).increment()
        Timer(label: "b", dimensions: [], factory: factory).recordSeconds(1)
        Counter(label: "c", dimensions: [], factory: factory).increment()
        Counter(label: "d", dimensions: [], factory: factory).increment()
    }
    #expect(lines.contains("a 1"))
    #expect(lines.contains("c_total 1"))
    #expect(lines.contains("metrics_rejected_total 2"))
}
