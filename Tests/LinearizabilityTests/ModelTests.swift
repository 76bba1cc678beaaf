import Linearizability
import Testing

/// A set of numbers.
private struct NumberSet: Model {
    enum Call: Codable, Equatable {
        case add(Int), remove(Int), contains(Int)
    }

    enum Result: OperationResult {
        /// Of a change: whether the set changed. Of `contains`: whether the number is in it.
        case flag(Bool)
        case unknown
    }

    let initialState: Set<Int> = []

    func step(_ state: Set<Int>, _ operation: Operation<NumberSet>) -> Set<Int>? {
        let next: Set<Int>
        let isTrue: Bool
        switch operation.call {
        case .add(let number): (next, isTrue) = (state.union([number]), !state.contains(number))
        case .remove(let number): (next, isTrue) = (state.subtracting([number]), state.contains(number))
        case .contains(let number): (next, isTrue) = (state, state.contains(number))
        }
        return operation.isPending || operation.result == .flag(isTrue) ? next : nil
    }

    static func describe(_ operation: Operation<NumberSet>) -> (call: String, result: String) {
        ("\(operation.call)", "\(operation.result)")
    }
}

private func op(
    _ call: NumberSet.Call, _ result: NumberSet.Result, _ from: UInt64, _ to: UInt64, key: String = "s"
) -> Operation<NumberSet> {
    Operation(client: Int(from), key: key, call: call, result: result, callNs: from, returnNs: to)
}

/// The checker with a model other than the register.
@Suite(.timeLimit(.minutes(20))) struct ModelTests {
    private let checker = LinearizabilityChecker()

    private func verdict(_ history: [Operation<NumberSet>]) -> LinearizabilityChecker.Verdict<NumberSet>? {
        checker.check(history).first?.verdict
    }

    @Test func aSequentialHistoryOfASetIsLinearizable() {
        let history = [
            op(.add(1), .flag(true), 1, 2), op(.add(1), .flag(false), 3, 4), op(.contains(1), .flag(true), 5, 6),
            op(.remove(1), .flag(true), 7, 8), op(.contains(1), .flag(false), 9, 10),
        ]
        #expect(verdict(history) == .linearizable)
    }

    @Test func concurrentAddsMayTakeEffectInEitherOrder() {
        let adds = [op(.add(1), .flag(true), 1, 9), op(.add(2), .flag(true), 2, 9)]
        for (first, second) in [(true, false), (false, true), (true, true), (false, false)] {
            let reads = [op(.contains(1), .flag(first), 3, 4), op(.contains(2), .flag(second), 5, 6)]
            #expect(verdict(adds + reads) == .linearizable)
        }
        let twice = [op(.add(1), .flag(true), 1, 9), op(.add(1), .flag(true), 2, 9)]
        #expect(verdict(twice) != .linearizable)
    }

    @Test func aPendingChangeMayTakeEffectLateOrNever() {
        let pending = op(.add(1), .unknown, 1, 0)
        #expect(verdict([pending, op(.contains(1), .flag(true), 50, 51)]) == .linearizable)
        #expect(verdict([pending, op(.contains(1), .flag(false), 50, 51)]) == .linearizable)
        let goesBack = [op(.contains(1), .flag(true), 50, 51), op(.contains(1), .flag(false), 52, 53)]
        #expect(verdict([pending] + goesBack) == .violation(stuckAt: [goesBack[1]]))
    }

    @Test func aHistoryIsPartitionedByKey() throws {
        let bad = op(.contains(1), .flag(true), 3, 4, key: "b")
        let history = [op(.add(1), .flag(true), 1, 2, key: "a"), bad, op(.remove(1), .flag(true), 5, 6, key: "a")]
        let verdicts = checker.check(history)
        #expect(verdicts.map(\.key) == ["a", "b"])
        #expect(verdicts.map { $0.verdict == .linearizable } == [true, false])
        let prefix = try #require(checker.failingPrefix(of: "b", in: history))
        #expect(prefix.culprit == bad)
        #expect(Timeline(prefix).html.contains("contains(1) returned “flag(true)”"))
        #expect(checker.failingPrefix(of: "a", in: history) == nil)
    }
}
