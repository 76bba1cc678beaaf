import Linearizability
import Testing

private typealias Operation = RegisterOperation

private func op(
    _ call: Operation.Call, _ result: Operation.Result, _ from: UInt64, _ to: UInt64 = 0, key: String = "k"
) -> Operation {
    Operation(client: 0, key: key, call: call, result: result, callNs: from, returnNs: to)
}

/// The versions that may follow a delete: the next one, or the one above another key's tombstone.
@Suite(.timeLimit(.minutes(20))) struct RegisterVersionTests {
    /// The key is written and deleted by time 4.
    private let deleted = [op(.write("a"), .applied(version: 1), 1, 2), op(.delete, .applied(version: 2), 3, 4)]

    private func isLinearizable(_ history: [Operation]) -> Bool {
        LinearizabilityChecker().check(history).allSatisfy { $0.verdict == .linearizable }
    }

    /// Another key, written up to version 7 before time 3.
    private func other(_ rest: Operation...) -> [Operation] {
        (1...7).map { op(.write("o\($0)"), .applied(version: $0), 1, 2, key: "other") }
            + rest.map { operation in
                var operation = operation
                operation.key = "other"
                return operation
            }
    }

    @Test func withoutAnotherTombstoneTheNextVersionFollows() {
        for history in [deleted, deleted + other()] {
            #expect(isLinearizable(history + [op(.write("b"), .applied(version: 3), 5, 6)]))
            #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 4), 5, 6)]))
            #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 2), 5, 6)]))
            #expect(!isLinearizable(history + [op(.read, .value(nil, version: 3), 5, 6)]))
            #expect(!isLinearizable(history + [op(.delete, .absent(version: 3), 5, 6)]))
            #expect(!isLinearizable(history + [op(.create("b"), .applied(version: 9), 5, 6)]))
        }
    }

    @Test func aWriteAppliedTwiceAfterADeleteIsAViolation() {
        // No operation observed version 3.
        let history = deleted + [op(.write("b"), .applied(version: 4), 5, 6), op(.read, .value("b", version: 4), 7, 8)]
        #expect(!isLinearizable(history))
        // A concurrent change of unknown outcome explains version 4: it was applied, and then overwritten.
        #expect(isLinearizable(history + [op(.write("x"), .unknown, 5)]))
        // A change that was called later does not explain it.
        #expect(!isLinearizable(history + [op(.write("x"), .unknown, 7)]))
    }

    @Test func theFirstWriteHasVersionOne() {
        #expect(isLinearizable([op(.write("a"), .applied(version: 1), 1, 2)]))
        #expect(!isLinearizable([op(.write("a"), .applied(version: 2), 1, 2)]))
        #expect(
            isLinearizable(
                [op(.write("a"), .applied(version: 9), 5, 6)] + other(op(.delete, .applied(version: 8), 3, 4))))
    }

    @Test func aVersionMayRiseToTheTombstoneOfAnotherKey() {
        let history = deleted + other(op(.delete, .applied(version: 8), 3, 4))
        for version: UInt64 in [3, 9] {
            #expect(isLinearizable(history + [op(.write("b"), .applied(version: version), 5, 6)]))
        }
        for version: UInt64 in [4, 8, 10] {
            #expect(!isLinearizable(history + [op(.write("b"), .applied(version: version), 5, 6)]))
        }
        #expect(isLinearizable(history + [op(.delete, .absent(version: 8), 5, 6)]))
        #expect(isLinearizable(history + [op(.compareAndSet(version: 2, "b"), .preconditionFailed(version: 8), 5, 6)]))
        #expect(!isLinearizable(history + [op(.delete, .absent(version: 7), 5, 6)]))
    }

    @Test func aVersionDoesNotRiseWhileTheKeyExists() {
        let history = [deleted[0]] + other(op(.delete, .applied(version: 8), 3, 4))
        #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 9), 5, 6)]))
    }

    @Test func aLaterTombstoneRaisesNoVersion() {
        let history = deleted + other(op(.delete, .applied(version: 8), 7, 8))
        #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 9), 5, 6)]))
        #expect(isLinearizable(history + [op(.write("b"), .applied(version: 9), 5, 7)]))
    }

    @Test func anUnknownDeleteOrAnExpiryMayHaveRaisedTheVersion() {
        for end in [op(.delete, .unknown, 3), op(.expire("o7"), .unknown, 3)] {
            let history = deleted + other(end)
            #expect(isLinearizable(history + [op(.write("b"), .applied(version: 9), 5, 6)]))
            #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 8), 5, 6)]))
            #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 10), 5, 6)]))
            // A later read shows that the other key was still there.
            let seen = op(.read, .value("o7", version: 7), 7, 8, key: "other")
            #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 9), 5, 6), seen]))
            #expect(isLinearizable(history + [op(.write("b"), .applied(version: 3), 5, 6), seen]))
        }
    }

    @Test func unknownChangesMayFollowTheRise() {
        let history = deleted + other(op(.delete, .applied(version: 8), 3, 4)) + [op(.write("x"), .unknown, 5)]
        #expect(isLinearizable(history + [op(.read, .value("x", version: 9), 6, 7)]))
        #expect(isLinearizable(history + [op(.write("b"), .applied(version: 10), 6, 7)]))
        #expect(!isLinearizable(history + [op(.write("b"), .applied(version: 11), 6, 7)]))
        #expect(!isLinearizable(history + [op(.read, .value("x", version: 10), 6, 7)]))
    }

    @Test func aFailingPrefixConsidersTheTombstonesOfOtherKeys() throws {
        let bad = op(.write("c"), .applied(version: 12), 7, 8)
        let history =
            deleted + other(op(.delete, .applied(version: 8), 3, 4)) + [
                op(.write("b"), .applied(version: 9), 5, 6), bad,
            ]
        let prefix = try #require(LinearizabilityChecker().failingPrefix(of: "k", in: history))
        #expect(prefix.culprit == bad)
        #expect(LinearizabilityChecker().failingPrefix(of: "other", in: history) == nil)
    }
}
