import Linearizability
import Testing

@Suite struct RandomHistoryTests {
    private func isLinearizable(_ history: [RecordedOperation]) -> Bool {
        LinearizabilityChecker().check(history).allSatisfy { $0.verdict == .linearizable }
    }

    @Test func theCheckerAgreesWithTryingEveryOrder() {
        var maker = HistoryMaker(random: SplitMix(state: 20_26))
        var counts = (good: 0, bad: 0)
        for _ in 0..<4_000 {
            let history = maker.history(operations: 3...6)
            let expected = BruteForce(operations: history).isLinearizable()
            #expect(isLinearizable(history) == expected, "\(history)")
            if expected { counts.good += 1 } else { counts.bad += 1 }
        }
        // Both kinds were there in numbers.
        #expect(counts.good > 1_000)
        #expect(counts.bad > 400)
    }

    /// With several keys the checker looks at each by itself, and does not find out whether what two of them need of each
    /// other fits together: it may let a history pass, seldom, but never blames one that is good.
    @Test func whereKeysRaiseEachOthersVersionsItBlamesNoGoodHistoryAndFindsNearlyEveryBadOne() {
        var maker = HistoryMaker(random: SplitMix(state: 10), spoiledPercent: 5)
        var counts = (good: 0, bad: 0, missed: 0, raised: 0)
        for _ in 0..<3_000 {
            let history = maker.history(operations: 4...7, keys: 2)
            let isGood = BruteForce(operations: history).isLinearizable()
            let isPassed = isLinearizable(history)
            #expect(isPassed || !isGood, "\(history)")
            if isGood { counts.good += 1 } else { counts.bad += 1 }
            if isPassed, !isGood { counts.missed += 1 }
            // Each key by itself does not explain it: the other one's tombstones were needed.
            let keys = Set(history.map(\.key))
            let isExplainedAlone = keys.allSatisfy { key in
                LinearizabilityChecker().check(key: history.filter { $0.key == key }) == .linearizable
            }
            if isGood, !isExplainedAlone { counts.raised += 1 }
        }
        #expect(counts.good > 1_000)
        #expect(counts.bad > 400)
        #expect(counts.raised > 100)
        #expect(counts.missed < counts.bad / 20, "\(counts)")
    }
}
