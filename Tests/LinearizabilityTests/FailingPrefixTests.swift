import Foundation
import Linearizability
import Testing

@Suite(.timeLimit(.minutes(20))) struct FailingPrefixTests {
    private func op(
        _ client: Int, _ call: RegisterOperation.Call, _ result: RegisterOperation.Result, _ from: UInt64, _ to: UInt64
    ) -> RegisterOperation {
        RegisterOperation(client: client, key: "<k>", call: call, result: result, callNs: from, returnNs: to)
    }

    private var staleRead: [RegisterOperation] {
        [
            op(0, .write("a"), .applied(version: 1), 1, 2), op(1, .write("b"), .applied(version: 2), 3, 4),
            op(2, .read, .value("a", version: 1), 5, 6), op(0, .write("c"), .applied(version: 3), 7, 8),
            op(1, .read, .value("c", version: 3), 9, 10),
        ]
    }

    @Test func thePrefixEndsWithTheFirstUnexplainedReturn() throws {
        let prefix = try #require(LinearizabilityChecker().failingPrefix(of: "<k>", in: staleRead))
        #expect(prefix.culprit == staleRead[2])
        #expect(prefix.operations == Array(staleRead.prefix(3)))
    }

    @Test func aLinearizableHistoryHasNoFailingPrefix() {
        #expect(LinearizabilityChecker().failingPrefix(of: "<k>", in: Array(staleRead.prefix(2))) == nil)
    }

    @Test func anOperationThatHadNotReturnedIsPending() throws {
        // The write of b was called before the bad read returned, and does not explain it.
        let history = [
            op(0, .write("a"), .applied(version: 1), 1, 2), op(1, .write("b"), .applied(version: 2), 3, 50),
            op(2, .read, .value("x", version: 9), 5, 6),
        ]
        let prefix = try #require(LinearizabilityChecker().failingPrefix(of: "<k>", in: history))
        #expect(prefix.culprit == history[2])
        #expect(prefix.operations[1].result == .unknown)
    }

    @Test func theTimelineNamesTheCulpritAndEscapesValues() throws {
        let prefix = try #require(LinearizabilityChecker().failingPrefix(of: "<k>", in: staleRead))
        let html = Timeline(prefix).html
        #expect(html.contains("returned “a @1”"))
        #expect(html.contains("Key &lt;k&gt; is not linearizable"))
        #expect(html.contains("class=\"bad\""))
        #expect(html.components(separatedBy: "<rect").count == 4)
        #expect(!html.contains("http"))
    }
}
