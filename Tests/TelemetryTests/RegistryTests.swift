import Dispatch
import Testing

@testable import Telemetry

@Suite(.timeLimit(.minutes(20))) struct MetricNameTests {
    @Test(arguments: ["", "1a_total", "a-b_total", "a b_total", "é_total", "a", "_total", "a_totals"])
    func invalidCounterNamesAreRejected(name: String) { #expect(!MetricKind.counter.allows(name)) }

    @Test func suffixesOfAnotherTypeAreRejected() {
        #expect(!MetricKind.gauge.allows("a_total"))
        for name in ["a_sum", "a_count", "a_bucket", "a_total"] { #expect(!MetricKind.histogram.allows(name)) }
    }

    @Test func aNameHasAtMost200Bytes() {
        #expect(MetricKind.gauge.allows(String(repeating: "a", count: 200)))
        #expect(!MetricKind.gauge.allows(String(repeating: "a", count: 201)))
    }

    @Test(arguments: ["", "1", "a-b", "__a", "a:b", "é"])
    func invalidLabelNamesAreRejected(label: String) { #expect(!MetricKind.gauge.allows(labels: [label])) }

    @Test func repeatedLabelsAndTheLabelOfHistogramsAreRejected() {
        #expect(!MetricKind.gauge.allows(labels: ["x", "x"]))
        #expect(!MetricKind.histogram.allows(labels: ["le"]))
        #expect(MetricKind.gauge.allows(labels: ["le"]))
    }

    @Test(arguments: [[1.0, 1.0], [2, 1], [.infinity], [.nan], Array(stride(from: 0.0, to: 101, by: 1))])
    func unsortedOrTooManyBucketsAreRejected(bounds: [Double]) { #expect(!HistogramBuckets(bounds).areValid) }

    @Test func namesUsedByAnotherFamilyAreRejected() async {
        await #expect(processExitsWith: .failure) {
            let registry = PrometheusRegistry()
            _ = registry.histogram("a", help: "h")
            _ = registry.gauge("a_sum", help: "h")
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct SeriesLimitTests {
    @Test func seriesAboveTheLimitShareOne() throws {
        let registry = PrometheusRegistry(maxSeriesPerFamily: 3)
        let family = registry.counter("a_total", help: "h", labels: ["key", "op"])
        for key in 0..<1_000 {
            family.with("\(key)", "read").increment()
        }
        family.with("1", "read").increment()
        #expect(
            text(registry) == """
                # HELP a_total h
                # TYPE a_total counter
                a_total{key="0",op="read"} 1
                a_total{key="1",op="read"} 2
                a_total{key="2",op="read"} 1
                a_total{key="overflow",op="overflow"} 997

                """
        )
    }

    @Test func theDefaultLimitIsAThousandSeries() throws {
        let registry = PrometheusRegistry()
        let family = registry.gauge("a", help: "h", labels: ["key"])
        for key in 0..<5_000 {
            family.with("\(key)").set(1)
        }
        #expect(text(registry).split(separator: "\n").count == 2 + 1_001)
    }

    @Test func labelValuesAreCutAtACharacter() throws {
        let registry = PrometheusRegistry()
        registry.gauge("a", help: "h", labels: ["x"]).with(String(repeating: "é", count: 10_000)).set(1)
        #expect(text(registry).hasSuffix("\na{x=\"\(String(repeating: "é", count: 128))\"} 1\n"))
    }
}

@Suite(.timeLimit(.minutes(20))) struct SeriesTests {
    @Test func countersNeverFall() throws {
        let counter = PrometheusRegistry().counter("a_total", help: "h").with()
        counter.raise(to: 10)
        counter.raise(to: 9)
        counter.raise(to: .nan)
        #expect(counter.value == 10)
    }

    @Test func anObservationOnABoundCountsInItsBucket() throws {
        let registry = PrometheusRegistry()
        let buckets = HistogramBuckets([0.1, 0.2])
        let histogram = registry.histogram("a", help: "h", buckets: buckets).with()
        for ns in [0, 100_000_000, 100_000_001, 200_000_000, 200_000_001, UInt64(UInt32.max) * 1_000] {
            histogram.observe(ns: ns)
        }
        let page = text(registry)
        #expect(page.contains("a_bucket{le=\"0.1\"} 2\na_bucket{le=\"0.2\"} 4\na_bucket{le=\"+Inf\"} 6\n"))
        #expect(page.hasSuffix("\na_count 6\n"))
        #expect(histogram.count == 6)
    }

    @Test func theSumIsExactToTheNanosecond() throws {
        let histogram = PrometheusRegistry().histogram("a_seconds", help: "h").with()
        for _ in 0..<1_000 {
            histogram.observe(ns: 1_000_001)
        }
        #expect(histogram.sum == 1.000001)
    }

    @Test func concurrentCountingDuringScrapesLosesNothing() throws {
        let registry = PrometheusRegistry()
        let counters = registry.counter("a_total", help: "h", labels: ["x"])
        let gauge = registry.gauge("b", help: "h").with()
        let histogram = registry.histogram("c_seconds", help: "h").with()
        let rounds = 20_000
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            let counter = counters.with("\(thread % 2)")
            for round in 0..<rounds {
                counter.increment()
                gauge.set(Double(round))
                histogram.observe(ns: UInt64(round) * 1_000)
                if round % 1_000 == 0 {
                    #expect(throws: Never.self) { try OpenMetricsChecker.parse(text(registry, .openMetrics)) }
                }
            }
        }
        #expect(counters.with("0").value == Double(rounds * 4))
        #expect(counters.with("1").value == Double(rounds * 4))
        #expect(gauge.value < Double(rounds))
        #expect(histogram.count == UInt64(rounds * 8))
        let sumNs = UInt64(rounds) * UInt64(rounds - 1) / 2 * 1_000 * 8
        #expect(histogram.sum == Double(sumNs) / 1e9)
    }
}
