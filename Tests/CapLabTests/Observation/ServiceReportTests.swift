import JSON
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct ServiceReportTests {
    @Test func metricsOfReplicasAreRead() {
        let report = ServiceReport(
            metrics: """
                # TYPE db_replica_up gauge
                db_replica_up{node="g1"} 1
                db_replica_up{node="g3"} 0
                circuit_breaker_state{node="g3"} 2
                data_staleness_ms{node="g1"} 12.5
                data_staleness_ms{node="g3"} +Inf
                ap_hints_pending{node="g1",peer="g3"} 4
                ap_conflict_keys{node="g1"} 2
                cp_replica_voter{node="g1"} 1
                unknown{node="g9"} 1
                broken{ 5
                db_replica_up{node="g4"} x
                """)
        #expect(report.replicas.keys.sorted() == ["g1", "g3"])
        #expect(report.replicas["g1"]?.isUp == true && report.replicas["g3"]?.isUp == false)
        #expect(report.replicas["g3"]?.breaker == 2)
        #expect(report.replicas["g1"]?.stalenessMs == 12.5 && report.replicas["g3"]?.stalenessMs == nil)
        #expect(report.replicas["g1"]?.hints == ["g3": 4] && report.replicas["g1"]?.conflicts == 2)
        #expect(report.replicas["g1"]?.isVoter == true && report.replicas["g1"]?.isWritable == false)
    }

    @Test(arguments: [(0, "0"), (1, "0.001"), (1_234, "1.234"), (12_300, "12.3"), (-50, "-0.05"), (7_000, "7")])
    func thousandthsAreWrittenShort(number: Int64, text: String) {
        var json = JSONWriter()
        json.thousandths(number)
        #expect(String(decoding: json.bytes, as: UTF8.self) == text)
    }
}
