import Foundation
import JSON
import Linearizability
import Testing

@testable import CapLab

/// The operations that a violation names, and how long the page shows the violation.
@Suite(.timeLimit(.minutes(20))) struct ViolationTests {
    private let services = Topology.pair.services

    /// The operation with this number. Operations begin 10 ms apart; the client is the service's place in the topology.
    private func operation(
        _ number: Int, _ service: String, _ op: AnswerEvent.Operation, sent: String? = nil, status: Int = 200,
        value: String? = nil, version: Int, tookMs: Double = 2
    ) throws -> RegisterOperation {
        let answer = AnswerEvent.fixture(
            number, op, service: service, sent: sent, atMs: Double(number) * 10, tookMs: tookMs,
            reply: .fixture(status: status, value: value, version: version))
        let client = try #require(services.firstIndex { $0.name == service })
        return try #require(CPHistory.operation(answer, client: client))
    }

    private func check(_ operations: [RegisterOperation]) -> CPHistory.Result {
        CPHistory.check(["k": operations], services: services)
    }

    @Test func aStaleReadIsSetAgainstTheLastAcknowledgedWrite() throws {
        let result = check([
            try operation(0, "app_cp", .write, sent: "free", version: 1),
            try operation(1, "app_cp_west", .read, value: "free", version: 1),
            try operation(2, "app_cp", .write, sent: "ana", version: 2),
            try operation(3, "app_cp", .write, sent: "bob", version: 3),
            try operation(4, "app_cp_west", .read, value: "bob", version: 3),
            try operation(5, "app_cp_west", .read, value: "free", version: 1),
            try operation(6, "app_cp_west", .read, value: "bob", version: 3),
        ])
        #expect(result.isLinearizable == false)
        let violation = try #require(result.violations.first)
        #expect(result.violations.count == 1)
        #expect(violation.kind == .staleRead && violation.store == .cp && violation.key == "k")
        #expect(
            violation.operations == [
                .init(
                    service: "app_cp", op: .write, sent: "bob", version: "3", calledUs: 30_000, returnedUs: 32_000),
                .init(
                    service: "app_cp_west", op: .read, value: "free", version: "1", calledUs: 50_000,
                    returnedUs: 52_000),
            ])
    }

    @Test func aReadThatGoesBackIsSetAgainstTheReadBefore() throws {
        let result = check([
            try operation(0, "app_cp", .read, value: "bob", version: 7),
            try operation(1, "app_cp_west", .read, value: "ana", version: 6),
        ])
        #expect(result.violations.first?.kind == .staleRead)
        #expect(result.violations.first?.operations.map(\.value) == ["bob", "ana"])
    }

    @Test func aMissingKeyAfterAWriteIsAStaleRead() throws {
        let result = check([
            try operation(0, "app_cp", .write, sent: "ana", version: 1),
            try operation(1, "app_cp_west", .read, status: 404, version: 0),
        ])
        #expect(result.violations.first?.kind == .staleRead)
        #expect(result.violations.first?.operations.map(\.value) == [nil, nil])
    }

    @Test func twoChangesWithOneVersionAreNamed() throws {
        let result = check([
            try operation(0, "app_cp", .write, sent: "ana", version: 4),
            try operation(1, "app_cp_west", .write, sent: "bob", version: 4),
        ])
        #expect(result.violations.first?.kind == .sameVersion)
        #expect(result.violations.first?.operations.map(\.service) == ["app_cp", "app_cp_west"])
    }

    @Test func severalViolationsAreFoundAtOnceButBounded() throws {
        var operations = [try operation(0, "app_cp", .write, sent: "ana", version: 2)]
        for number in 1...5 {
            operations.append(try operation(number, "app_cp_west", .read, value: "free", version: 1))
        }
        let result = check(operations)
        #expect(result.violations.count == CPHistory.maxViolations)
        #expect(Set(result.violations.compactMap(\.operations.last?.calledUs)) == [10_000, 20_000, 30_000])
    }

    @Test func oneVersionWithTwoValuesIsNamedByItsReads() throws {
        let result = check([
            try operation(0, "app_cp", .read, value: "bob", version: 11),
            try operation(1, "app_cp_west", .read, value: "ana", version: 11),
        ])
        #expect(result.violations.first?.operations.map(\.value) == ["bob", "ana"])
    }

    // MARK: The log

    private func violation(calledUs: Int64, evidence: String = "bob") -> Violation {
        Violation(
            store: .cp, kind: .staleRead, key: "k",
            operations: [
                .init(service: "app_cp", op: .write, sent: evidence, version: "2", calledUs: 0, returnedUs: 1),
                .init(service: "app_cp_west", op: .read, version: "1", calledUs: calledUs, returnedUs: calledUs + 1),
            ])
    }

    @Test func aViolationKeepsItsNumberWhileTheWindowMoves() {
        var log = ViolationLog()
        log.note([violation(calledUs: 5)], atUs: 10)
        log.note([violation(calledUs: 5, evidence: "eve"), violation(calledUs: 7)], atUs: 20)
        #expect(log.entries.map(\.id) == [1, 2])
        #expect(log.entries[0].violation.operations[0].sent == "bob")
    }

    @Test func aViolationIsKeptForAMinuteAndAsLongAsItIsInTheWindow() {
        var log = ViolationLog()
        log.note([violation(calledUs: 5)], atUs: 0)
        log.note([], atUs: ViolationLog.keptUs)
        #expect(log.entries.count == 1)
        log.note([violation(calledUs: 5)], atUs: ViolationLog.keptUs + 1)
        #expect(log.entries.map(\.id) == [1])
        log.note([], atUs: ViolationLog.keptUs + 2)
        #expect(log.entries.isEmpty)
    }

    @Test func theLogIsBounded() {
        var log = ViolationLog()
        for number in 0..<100 { log.note([violation(calledUs: Int64(number))], atUs: Int64(number)) }
        #expect(log.entries.count == ViolationLog.maxEntries)
        #expect(log.entries.last?.id == 100)
    }

    @Test func theEventHasTheOperationsWithTheNamesOfAnswers() throws {
        var log = ViolationLog()
        log.note([violation(calledUs: 5_000)], atUs: 9_000)
        var json = JSONWriter()
        json.beginObject()
        log.write(to: &json)
        json.endObject()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any])
        let entry = try #require((object["violations"] as? [[String: Any]])?.first)
        #expect(entry["id"] as? Int == 1 && entry["tMs"] as? Int == 9 && entry["store"] as? String == "cp")
        #expect(entry["kind"] as? String == "stale-read" && entry["key"] as? String == "k")
        let read = try #require((entry["operations"] as? [[String: Any]])?.last)
        #expect(read["service"] as? String == "app_cp_west" && read["op"] as? String == "read")
        #expect(read["value"] is NSNull && read["version"] as? String == "1")
        #expect(read["tMs"] as? Int == 5 && read["tookMs"] as? Double == 0.001)
    }
}
