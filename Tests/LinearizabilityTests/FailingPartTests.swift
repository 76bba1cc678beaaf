import Foundation
import Linearizability
import Testing

@Suite struct FailingPartTests {
    private func op(
        _ client: Int, _ call: RecordedOperation.Call, _ result: RecordedOperation.Result, _ from: UInt64, _ to: UInt64
    ) -> RecordedOperation {
        RecordedOperation(client: client, key: "<k>", call: call, result: result, callNs: from, returnNs: to)
    }

    private var staleRead: [RecordedOperation] {
        [
            op(0, .write("a"), .applied(version: 1), 1, 2), op(1, .write("b"), .applied(version: 2), 3, 4),
            op(2, .read, .value("a", version: 1), 5, 6), op(0, .write("c"), .applied(version: 3), 7, 8),
            op(1, .read, .value("c", version: 3), 9, 10),
        ]
    }

    @Test func itEndsWithTheReturnThatDoesNotFit() throws {
        let part = try #require(LinearizabilityChecker().failingPart(of: "<k>", in: staleRead))
        #expect(part.culprit == staleRead[2])
        #expect(part.operations == Array(staleRead.prefix(3)))
    }

    @Test func aGoodHistoryHasNone() {
        #expect(LinearizabilityChecker().failingPart(of: "<k>", in: Array(staleRead.prefix(2))) == nil)
    }

    @Test func whatWasUnderWayIsTakenAsUnknown() throws {
        // The write of b has begun when the bad read returns, and may explain nothing.
        let history = [
            op(0, .write("a"), .applied(version: 1), 1, 2), op(1, .write("b"), .applied(version: 2), 3, 50),
            op(2, .read, .value("x", version: 9), 5, 6),
        ]
        let part = try #require(LinearizabilityChecker().failingPart(of: "<k>", in: history))
        #expect(part.culprit == history[2])
        #expect(part.operations[1].result == .unknown)
    }

    @Test func theDrawingNamesTheCulpritAndEscapesWhatClientsSent() throws {
        let part = try #require(LinearizabilityChecker().failingPart(of: "<k>", in: staleRead))
        let html = Timeline(part).html
        #expect(html.contains("came back as “a @1”"))
        #expect(html.contains("Key &lt;k&gt; is not linearizable"))
        #expect(html.contains("class=\"bad\""))
        #expect(html.components(separatedBy: "<rect").count == 4)
        #expect(!html.contains("http"))
    }
}
