import Telemetry
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct ScrapeFormatTests {
    @Test(arguments: [
        // `Accept` headers that Prometheus 2.42 and 3 send.
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        "application/openmetrics-text",
        "APPLICATION/OpenMetrics-Text ; version=\"1.0.0\" ; Q=0.9 , */*;q=0.1",
        "application/openmetrics-text, */*",
        "application/openmetrics-text;q=0.2, text/plain;q=0.1",
        "application/openmetrics-text;q=0.2, text/plain;q=0.1, */*",
    ])
    func openMetricsIsUsedIfItIsNamedWithNoLowerWeight(accept: String) {
        #expect(ExpositionFormat(accept: accept) == .openMetrics)
    }

    @Test(arguments: [
        nil, "", "*/*", "text/*", "text/plain", "text/plain;version=0.0.4", "application/json",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/*", "application/openmetrics-text;q=0", "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;version=0.0.1", "application/openmetrics-text;q=0.5,text/plain",
        "application/openmetrics-text;q=0.5,*/*", "application/openmetrics-text;q=nonsense", ";;,,=;q", ",",
        "application/openmetrics-text;q=nan", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
    ])
    func theTextFormatIsTheDefault(accept: String?) {
        #expect(ExpositionFormat(accept: accept) == .text)
    }
}
