import Telemetry
import Testing

func text(_ registry: PrometheusRegistry, _ format: ExpositionFormat = .text) -> String {
    String(decoding: registry.page(format), as: UTF8.self)
}

/// A registry with one family of each type, as a service would have it.
func sampleRegistry() -> PrometheusRegistry {
    let registry = PrometheusRegistry()
    let requests = registry.counter(
        "app_requests_total", help: "Requests answered.", labels: ["mode", "operation", "status"]
    )
    requests.with("cp", "write", "503").increment(by: 2)
    requests.with("cp", "read", "200").increment()
    let states = registry.gauge(
        "circuit_breaker_state", help: "0 CLOSED, 1 HALF_OPEN, 2 OPEN.", labels: ["node"]
    )
    states.with("g2").set(2)
    states.with("g1").set(0)
    let latency = registry.histogram(
        "app_request_latency_seconds", help: "Time to answer.", labels: ["operation"]
    )
    latency.with("read").observe(ns: 1_000_000)
    latency.with("read").observe(ns: 1_000_001)
    latency.with("read").observe(ns: 2_000_000_000)
    registry.registerBuildInfo(version: "1.2.3", mode: "cp")
    return registry
}

@Suite(.timeLimit(.minutes(20))) struct TextFormatTests {
    @Test func familiesAndSeriesAreSorted() throws {
        let registry = sampleRegistry()
        let page = text(registry)
        let buildLine = try #require(page.split(separator: "\n").first { $0.hasPrefix("app_build_info{") })
        #expect(
            page == """
                # HELP app_build_info Version, mode and Swift version of the program; always 1.
                # TYPE app_build_info gauge
                \(buildLine)
                # HELP app_request_latency_seconds Time to answer.
                # TYPE app_request_latency_seconds histogram
                app_request_latency_seconds_bucket{operation="read",le="0.0001"} 0
                app_request_latency_seconds_bucket{operation="read",le="0.00025"} 0
                app_request_latency_seconds_bucket{operation="read",le="0.0005"} 0
                app_request_latency_seconds_bucket{operation="read",le="0.001"} 1
                app_request_latency_seconds_bucket{operation="read",le="0.0025"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.005"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.01"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.025"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.05"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.1"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.25"} 2
                app_request_latency_seconds_bucket{operation="read",le="0.5"} 2
                app_request_latency_seconds_bucket{operation="read",le="1.0"} 2
                app_request_latency_seconds_bucket{operation="read",le="2.5"} 3
                app_request_latency_seconds_bucket{operation="read",le="5.0"} 3
                app_request_latency_seconds_bucket{operation="read",le="+Inf"} 3
                app_request_latency_seconds_sum{operation="read"} 2.002000001
                app_request_latency_seconds_count{operation="read"} 3
                # HELP app_requests_total Requests answered.
                # TYPE app_requests_total counter
                app_requests_total{mode="cp",operation="read",status="200"} 1
                app_requests_total{mode="cp",operation="write",status="503"} 2
                # HELP circuit_breaker_state 0 CLOSED, 1 HALF_OPEN, 2 OPEN.
                # TYPE circuit_breaker_state gauge
                circuit_breaker_state{node="g1"} 0
                circuit_breaker_state{node="g2"} 2

                """
        )
        #expect(buildLine.hasPrefix("app_build_info{version=\"1.2.3\",mode=\"cp\",swift=\"6."))
        #expect(buildLine.hasSuffix("\"} 1"))
        #expect(text(registry) == page, "a second scrape gives the same page")
    }

    @Test func labelValuesAndHelpAreEscaped() throws {
        let registry = PrometheusRegistry()
        registry.gauge("g", help: "a \"b\" \\ c\nd", labels: ["path"]).with("a\"b\\c\nd é").set(1)
        #expect(
            text(registry) == """
                # HELP g a "b" \\\\ c\\nd
                # TYPE g gauge
                g{path="a\\"b\\\\c\\nd é"} 1

                """
        )
    }

    @Test func everyKindOfNumberIsWritten() throws {
        let registry = PrometheusRegistry()
        let gauge = registry.gauge("g", help: "h").with()
        let cases: [(Double, String)] = [
            (0, "0"), (-0.0, "0"), (-17, "-17"), (0.25, "0.25"), (1e300, "1e+300"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (1_700_000_000.25, "1700000000.25"), (1e-9, "1e-09"),
        ]
        for (value, expected) in cases {
            gauge.set(value)
            #expect(text(registry).hasSuffix("\ng \(expected)\n"))
        }
    }

    @Test func anEmptyRegistryGivesAnEmptyPage() {
        #expect(text(PrometheusRegistry()) == "")
    }

    @Test func aFamilyWithoutSeriesHasItsHeader() throws {
        let registry = PrometheusRegistry()
        _ = registry.counter("a_total", help: "h", labels: ["x"])
        #expect(text(registry) == "# HELP a_total h\n# TYPE a_total counter\n")
    }
}

@Suite(.timeLimit(.minutes(20))) struct OpenMetricsFormatTests {
    @Test func counterFamiliesLoseTheirSuffixAndThePageEndsWithEOF() throws {
        let registry = PrometheusRegistry()
        registry.counter("a_total", help: "say \"a\"").with().increment(by: 3)
        #expect(
            text(registry, .openMetrics) == """
                # HELP a say \\"a\\"
                # TYPE a counter
                a_total 3
                # EOF

                """
        )
    }

    @Test func aCheckerReadsTheSameNumbers() throws {
        let samples = try OpenMetricsChecker.parse(text(sampleRegistry(), .openMetrics))
        #expect(samples["app_requests_total{mode=cp,operation=read,status=200}"] == 1)
        #expect(samples["app_requests_total{mode=cp,operation=write,status=503}"] == 2)
        #expect(samples["circuit_breaker_state{node=g2}"] == 2)
        #expect(samples["app_request_latency_seconds_count{operation=read}"] == 3)
        #expect(samples["app_request_latency_seconds_sum{operation=read}"] == 2.002000001)
    }

    @Test func familiesThatEndInAUnitNameIt() throws {
        let registry = PrometheusRegistry()
        _ = registry.counter("a_seconds_total", help: "h")
        _ = registry.gauge("b_bytes", help: "h")
        _ = registry.gauge("c_ms", help: "h")
        #expect(
            text(registry, .openMetrics) == """
                # HELP a_seconds h
                # TYPE a_seconds counter
                # UNIT a_seconds seconds
                # HELP b_bytes h
                # TYPE b_bytes gauge
                # UNIT b_bytes bytes
                # HELP c_ms h
                # TYPE c_ms gauge
                # EOF

                """)
        #expect(!text(registry).contains("UNIT"))
    }

    @Test func theLastTraceOfABucketIsItsExemplar() throws {
        let registry = PrometheusRegistry()
        let series = registry.histogram("app_request_latency_seconds", help: "h", labels: ["operation"]).with("read")
        let id = { (digit: Character) in String(repeating: digit, count: 32) }
        series.observe(ns: 300_000, exemplar: id("a"), unixMs: 1_795_984_867_000)
        series.observe(ns: 400_000, exemplar: id("b"), unixMs: 1_795_984_867_312)
        series.observe(ns: 450_000)
        series.observe(ns: 9_000_000_000, exemplar: id("c"), unixMs: 1_795_984_868_001)
        let page = text(registry, .openMetrics)
        let line = #"bucket{operation="read",le="0.0005"} 3 # {trace_id="\#(id("b"))"} 0.0004 1795984867.312"#
        #expect(page.contains("app_request_latency_seconds_\(line)\n"))
        let exemplars = try OpenMetricsChecker.exemplars(page)
        #expect(exemplars.count == 2, "one per bucket with a trace")
        let slow = try #require(exemplars["app_request_latency_seconds_bucket{operation=read,le=+Inf}"])
        #expect(slow == .init(labels: ["trace_id": id("c")], value: 9, seconds: 1_795_984_868.001))
        #expect(series.count == 4)
        #expect(!text(registry).contains("trace_id"), "the text format has no exemplars")
    }

    @Test func aCheckerReadsDifficultLabelValues() throws {
        let registry = PrometheusRegistry()
        registry.gauge("g", help: "h\n\"", labels: ["a", "b"]).with("x,y=\"}\n\\", "").set(.infinity)
        let samples = try OpenMetricsChecker.parse(text(registry, .openMetrics))
        #expect(samples == ["g{a=x,y=\"}\n\\,b=}": .infinity])
    }

    @Test func theCheckerRejectsInvalidPages() {
        let wrong = [
            "a 1\n# EOF\n", "# TYPE a gauge\na 1\n", "# TYPE a counter\na 1\n# EOF\n", "# TYPE a gauge\na x\n# EOF\n",
            "# TYPE a gauge\n# TYPE b gauge\na 1\n# EOF\n", "# TYPE a gauge\na 1\na 1\n# EOF\n",
            "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n",
            "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n# EOF\n",
            "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n", "# TYPE a gauge\na 1 # {b=\"c\"} 1 1\n# EOF\n",
            "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1 # {} 1\nh_sum 1\nh_count 1\n# EOF\n",
        ]
        for page in wrong {
            #expect(throws: OpenMetricsChecker.Failure.self) { try OpenMetricsChecker.parse(page) }
        }
    }
}
