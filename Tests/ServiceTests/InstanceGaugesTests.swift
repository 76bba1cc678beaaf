import Testing

@testable import Service

@Test func aScrapeShowsWhatTheReactorsKnowTogether() throws {
    let metrics = try ServiceMetrics(mode: .ap, version: "1")
    let gauges = InstanceGauges(metrics: metrics, nodes: ["a1", "a2"], reactorCount: 2)
    for share in gauges.shares {
        for replica in share.replicas { replica.isUp.set(1) }
    }
    gauges.shares[0].requestsInFlight.set(3)
    gauges.shares[1].requestsInFlight.set(4)
    gauges.shares[1].replicas[1].isUp.set(0)
    gauges.shares[1].replicas[1].breakerState.set(2)
    gauges.shares[0].replicas[1].inFlight.set(5)
    gauges.shares[1].replicas[1].inFlight.set(1)
    let lines = String(decoding: metrics.registry.scrape(accept: nil).body, as: UTF8.self).split(separator: "\n")
    for line in [
        "app_requests_in_flight 7", "db_replica_up{node=\"a1\"} 1", "db_replica_up{node=\"a2\"} 0",
        "circuit_breaker_state{node=\"a1\"} 0", "circuit_breaker_state{node=\"a2\"} 2",
        "db_commands_in_flight{node=\"a2\"} 6",
    ] { #expect(lines.contains(Substring(line))) }
}

@Test func aScrapeBeforeTheFirstRequestShowsTheLimitsAndNoFailures() throws {
    let metrics = try ServiceMetrics(mode: .cp, version: "1")
    metrics.show(maxStalenessMs: 1_234)
    let lines = String(decoding: metrics.registry.scrape(accept: nil).body, as: UTF8.self).split(separator: "\n")
    for line in [
        "app_max_staleness_ms 1234", #"app_requests_total{mode="cp",operation="read",status="503"} 0"#,
        #"app_request_latency_seconds_count{mode="cp",operation="write"} 0"#,
    ] { #expect(lines.contains(Substring(line))) }
}
