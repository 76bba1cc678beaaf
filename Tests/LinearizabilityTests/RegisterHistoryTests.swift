import Linearizability
import Testing

private typealias Operation = RegisterOperation

/// An operation on one key, from one time to another.
private func op(
    _ call: Operation.Call, _ result: Operation.Result, _ from: UInt64, _ to: UInt64 = 0
) -> Operation {
    Operation(client: 0, key: "k", call: call, result: result, callNs: from, returnNs: to)
}

private func isLinearizable(_ history: [Operation]) -> Bool {
    LinearizabilityChecker().check(history).allSatisfy { $0.verdict == .linearizable }
}

@Suite(.timeLimit(.minutes(20))) struct RegisterHistoryTests {
    @Test func aSequentialHistoryIsLinearizable() {
        #expect(
            isLinearizable([
                op(.read, .value(nil, version: 0), 1, 2), op(.write("a"), .applied(version: 1), 3, 4),
                op(.read, .value("a", version: 1), 5, 6), op(.delete, .applied(version: 2), 7, 8),
                op(.read, .value(nil, version: 2), 9, 10), op(.delete, .absent(version: 2), 11, 12),
                op(.create("b"), .applied(version: 3), 13, 14),
                op(.create("c"), .preconditionFailed(version: 3), 15, 16),
                op(.compareAndSet(version: 3, "d"), .applied(version: 4), 17, 18),
                op(.compareAndSet(version: 3, "e"), .preconditionFailed(version: 4), 19, 20),
            ]))
    }

    @Test func concurrentOperationsMayTakeEffectInEitherOrder() {
        #expect(
            isLinearizable([
                op(.write("a"), .applied(version: 2), 1, 10), op(.write("b"), .applied(version: 1), 1, 10),
                op(.read, .value("a", version: 2), 11, 12),
            ]))
    }

    @Test func aStaleReadIsAViolation() {
        #expect(
            !isLinearizable([
                op(.write("a"), .applied(version: 1), 1, 2), op(.write("b"), .applied(version: 2), 3, 4),
                op(.read, .value("a", version: 1), 5, 6),
            ]))
    }

    @Test func aNonMonotonicReadIsAViolation() {
        #expect(
            !isLinearizable([
                op(.write("a"), .applied(version: 1), 1, 2), op(.write("b"), .unknown, 3),
                op(.read, .value("b", version: 2), 4, 5), op(.read, .value("a", version: 1), 6, 7),
            ]))
    }

    @Test func aLostUpdateIsAViolation() {
        #expect(
            !isLinearizable([
                op(.write("0"), .applied(version: 1), 1, 2),
                op(.compareAndSet(version: 1, "1"), .applied(version: 2), 3, 6),
                op(.compareAndSet(version: 1, "2"), .applied(version: 2), 4, 7),
            ]))
    }

    @Test func aReadOfARejectedWriteIsAViolation() {
        #expect(
            !isLinearizable([
                op(.write("a"), .notApplied, 1, 2), op(.read, .value("a", version: 1), 3, 4),
            ]))
    }

    @Test func aWriteAppliedTwiceIsAViolation() {
        #expect(
            !isLinearizable([
                op(.write("a"), .applied(version: 1), 1, 10), op(.write("b"), .applied(version: 2), 11, 12),
                op(.read, .value("a", version: 3), 13, 14),
            ]))
    }

    @Test func anUnknownChangeMayTakeEffectLateOrNever() {
        let start = [op(.write("a"), .applied(version: 1), 1, 2), op(.write("late"), .unknown, 3)]
        #expect(isLinearizable(start + [op(.read, .value("a", version: 1), 100, 101)]))
        #expect(
            isLinearizable(
                start + [
                    op(.read, .value("a", version: 1), 100, 101), op(.read, .value("late", version: 2), 102, 103),
                ]))
        #expect(!isLinearizable([op(.read, .value("late", version: 2), 0, 1)] + start))
    }

    @Test func anUnknownChangeTakesEffectAtMostOnce() {
        #expect(
            !isLinearizable([
                op(.write("b"), .applied(version: 1), 1, 2), op(.write("x"), .unknown, 3),
                op(.write("a"), .applied(version: 3), 4, 5), op(.read, .value("x", version: 4), 6, 7),
            ]))
    }

    @Test func anExpiredValueDoesNotReappear() {
        let start = [op(.write("a"), .applied(version: 1), 1, 2), op(.expire("a"), .unknown, 50)]
        #expect(isLinearizable(start + [op(.read, .value("a", version: 1), 100, 101)]))
        #expect(isLinearizable(start + [op(.read, .value(nil, version: 2), 60, 61)]))
        #expect(isLinearizable(start + [op(.read, .value(nil, version: 0), 60, 61)]))
        #expect(!isLinearizable(start + [op(.read, .value(nil, version: 2), 40, 41)]))
        #expect(
            !isLinearizable(
                start + [op(.read, .value(nil, version: 0), 60, 61), op(.read, .value("a", version: 1), 70, 71)]))
    }

    @Test func anUnknownWriteMayHaveExpiredUnread() {
        #expect(
            isLinearizable([
                op(.write("a"), .applied(version: 1), 1, 2), op(.write("b"), .unknown, 3),
                op(.expire("b"), .unknown, 3),
                op(.read, .value(nil, version: 0), 60, 61),
            ]))
    }

    @Test func aViolationNamesTheOperationsWhereTheSearchIsStuck() {
        let history = [op(.write("a"), .applied(version: 1), 1, 2), op(.read, .value("a", version: 7), 3, 4)]
        #expect(LinearizabilityChecker().check(history).first?.verdict == .violation(stuckAt: [history[1]]))
    }

    @Test func eachKeyIsCheckedByItself() {
        var bad = op(.read, .value("x", version: 1), 1, 2)
        bad.key = "bad"
        let verdicts = LinearizabilityChecker().check([op(.write("a"), .applied(version: 1), 1, 2), bad])
        #expect(verdicts.map(\.key) == ["bad", "k"])
        #expect(verdicts[1].verdict == .linearizable)
        #expect(verdicts[0].verdict != .linearizable)
    }

    @Test func aHistoryWithAHundredUnknownChangesIsDecided() {
        let unknown = (0..<100).map { op(.write("u\($0)"), .unknown, UInt64($0)) }
        #expect(isLinearizable(unknown + [op(.read, .value("u50", version: 40), 200, 201)]))
        #expect(!isLinearizable(unknown + [op(.read, .value("no", version: 3), 200, 201)]))
    }

    @Test func tooManyConfigurationsAreUndecided() {
        var checker = LinearizabilityChecker()
        checker.maxConfigurations = 50
        let history =
            (0..<20).map { op(.write("u\($0)"), .unknown, 1) } + (0..<20).map { _ in op(.delete, .unknown, 1) }
            + [op(.read, .value("no", version: 30), 101, 102)]
        #expect(checker.check(history).first?.verdict == .undecided)
    }
}
