import Linearizability
import Testing

@testable import CapLab

private typealias Operation = RegisterOperation

private func op(
    _ call: Operation.Call, _ result: Operation.Result, _ from: UInt64, _ to: UInt64, key: String = "k"
) -> Operation {
    Operation(client: 1, key: key, call: call, result: result, callNs: from, returnNs: to)
}

private func answer(_ status: Int, _ body: String) -> Answer {
    Answer(status: status, tookMs: 1, body: body)
}

/// The check of `app-cp` must fail on violations.
@Suite(.timeLimit(.minutes(20))) struct CheckCPTests {
    @Test func aLinearizableHistoryHasNoViolation() {
        let verdict = CPVerdict([
            op(.write("a"), .applied(version: 1), 1, 2), op(.read, .value("a", version: 1), 3, 4),
            op(.write("b"), .unknown, 5, 6), op(.read, .value("b", version: 2), 7, 8),
            op(.write("z"), .applied(version: 1), 1, 2, key: "other"),
        ])
        #expect(verdict.violations.isEmpty)
        #expect(verdict.keys == 2)
        #expect(verdict.tableOfFailingPrefix == nil)
    }

    @Test func aStaleReadIsAViolationWithATable() throws {
        let verdict = CPVerdict([
            op(.write("a"), .applied(version: 1), 1_000, 2_000), op(.write("b"), .applied(version: 2), 3_000, 4_000),
            op(.read, .value("a", version: 1), 5_000, 6_000), op(.read, .value("b", version: 2), 7_000, 8_000),
        ])
        #expect(verdict.violations == ["key k is not linearizable"])
        let text = try #require(verdict.tableOfFailingPrefix)
        #expect(text.hasPrefix("All operations of key k, up to the first that no order explains"))
        #expect(text.split(separator: "\n").count == 5)
        #expect(text.hasSuffix("client 1  read     a @1"))
        let prefix = try #require(verdict.failingPrefix)
        #expect(Timeline(prefix).html.contains("Key k is not linearizable"))
    }

    @Test func aLostWriteIsAViolation() {
        let verdict = CPVerdict([
            op(.write("a"), .applied(version: 1), 1, 2), op(.write("b"), .applied(version: 2), 3, 4),
            op(.write("c"), .applied(version: 2), 5, 6),
        ])
        #expect(verdict.violations == ["key k is not linearizable"])
    }

    @Test func aReadOfARejectedWriteIsAViolation() {
        let verdict = CPVerdict([
            op(.write("a"), .notApplied, 1, 2), op(.read, .value("a", version: 1), 3, 4),
        ])
        #expect(verdict.violations == ["key k is not linearizable"])
    }

    @Test func theCounterShowsEveryLostIncrement() {
        var counter = CounterTally()
        for count in [1, 2, 2, 3] { counter.noteApplied(count) }
        counter.noteUnknown()
        #expect(
            counter.violations(final: 3) == [
                "2 clients set the counter to 2: an increment is lost",
                "the counter is 3 after 4 acknowledged increments",
            ])
        #expect(counter.violations(final: 4).count == 1)
        #expect(
            counter.violations(final: 6).last
                == "the counter is 6 after 4 acknowledged increments and 1 with an unknown outcome")
        #expect(CounterTally.count(of: "17-c3-120") == 17)
    }

    @Test func anAnswerIsConvertedToItsOutcome() {
        let write = Operation.Call.write("v")
        let version = "{\"version\":7,\"outcome\":\"applied\"}"
        #expect(CPAnswer.result(write, answer(200, version)) == .applied(version: 7))
        #expect(CPAnswer.result(.read, answer(200, "{\"value\":\"x\",\"version\":7}")) == .value("x", version: 7))
        #expect(CPAnswer.result(.read, answer(404, "{\"version\":0}")) == .value(nil, version: 0))
        #expect(CPAnswer.result(.delete, answer(404, "{\"version\":3}")) == .absent(version: 3))
        #expect(CPAnswer.result(write, answer(412, "{\"version\":3}")) == .preconditionFailed(version: 3))
        #expect(CPAnswer.result(write, answer(503, "{\"outcome\":\"not_applied\"}")) == .notApplied)
        #expect(CPAnswer.result(write, answer(503, "{\"outcome\":\"unknown\"}")) == .unknown)
        #expect(CPAnswer.result(write, answer(503, "")) == .unknown)
        #expect(CPAnswer.result(write, answer(400, "{}")) == .notApplied)
        #expect(CPAnswer.result(write, .missing(isSent: true)) == .unknown)
        #expect(CPAnswer.result(write, .missing(isSent: false)) == .notApplied)
        #expect(CPAnswer.result(.read, .missing(isSent: true)) == .notApplied)
    }

    @Test func aConditionIsSentInItsHeader() {
        let request = CPAnswer.request(.compareAndSet(version: 4, "v"), service: "app_cp", key: "k").request
        #expect(
            String(decoding: request.bytes(token: nil), as: UTF8.self)
                == "POST /write/k/v HTTP/1.1\r\nHost: 127.0.0.1\r\nIf-Match: \"4\"\r\nContent-Length: 0\r\n\r\n")
        let expiring = CPAnswer.request(.write("v"), service: "app_cp", key: "k", ttlMs: 20).request
        #expect(expiring.path == "/write/k/v?ttl_ms=20")
    }
}
