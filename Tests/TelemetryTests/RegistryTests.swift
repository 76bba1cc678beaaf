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

    @Test(arguments: ["", "1", "a-b", "__a", "a:b", "é"])
    func invalidLabelNamesAreRejected(label: String) { #expect(!MetricKind.gauge.allows(labels: [label])) }

    @Test func repeatedLabelsAndTheLabelOfHistogramsAreRejected() {
        #expect(!MetricKind.gauge.allows(labels: ["x", "x"]))
        #expect(!MetricKind.histogram.allows(labels: ["le"]))
        #expect(MetricKind.gauge.allows(labels: ["le"]))
    }

    @Test func namesUsedByAnotherFamilyAreRejected() async {
        await #expect(processExitsWith: .failure) {
            let registry = PrometheusRegistry()
            _ = registry.histogram("a", help: "h")
            _ = registry.gauge("a_sum", help: "h")
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct SeriesTests {
    @Test func countersNeverFall() throws {
        let counter = PrometheusRegistry().counter("a_total", help: "h").with()
        counter.raise(to: 10)
        counter.raise(to: 9)
        #expect(counter.value == 10)
    }

    @Test func anObservationOnABoundCountsInItsBucket() throws {
        let registry = PrometheusRegistry()
        let histogram = registry.histogram("a", help: "h").with()
        for ns in [0, 100_000, 100_001, 250_000, 250_001, UInt64(UInt32.max) * 1_000] {
            histogram.observe(ns: ns)
        }
        let page = text(registry)
        #expect(page.contains("a_bucket{le=\"0.0001\"} 2\na_bucket{le=\"0.00025\"} 4\na_bucket{le=\"0.0005\"} 5\n"))
        #expect(page.contains("a_bucket{le=\"5.0\"} 5\na_bucket{le=\"+Inf\"} 6\n"))
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
