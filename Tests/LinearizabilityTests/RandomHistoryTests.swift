import EventLoop
import Linearizability
import Testing

@Suite(.timeLimit(.minutes(20))) struct RandomHistoryTests {
    private func isLinearizable(_ history: [RegisterOperation]) -> Bool {
        LinearizabilityChecker().check(history).allSatisfy { $0.verdict == .linearizable }
    }

    @Test func theCheckerAgreesWithBruteForce() {
        var generator = HistoryGenerator(random: SplitMix64(seed: 20_26))
        var counts = (good: 0, bad: 0)
        for _ in 0..<4_000 {
            let history = generator.history(operations: 3...6)
            let expected = BruteForce(operations: history).isLinearizable()
            #expect(isLinearizable(history) == expected, "\(history)")
            if expected { counts.good += 1 } else { counts.bad += 1 }
        }
        // Both kinds were common.
        #expect(counts.good > 1_000)
        #expect(counts.bad > 400)
    }

    /// With several keys the checker searches each by itself, so it can accept two keys whose explanations contradict
    /// each other. It may rarely accept a bad history, but never rejects a good one.
    @Test func withSeveralKeysNoGoodHistoryIsRejectedAndFewBadOnesAreAccepted() {
        var generator = HistoryGenerator(random: SplitMix64(seed: 10), falsifiedPercent: 5)
        var counts = (good: 0, bad: 0, missed: 0, raised: 0)
        for _ in 0..<3_000 {
            let history = generator.history(operations: 4...7, keys: 2)
            let isGood = BruteForce(operations: history).isLinearizable()
            let isAccepted = isLinearizable(history)
            #expect(isAccepted || !isGood, "\(history)")
            if isGood { counts.good += 1 } else { counts.bad += 1 }
            if isAccepted, !isGood { counts.missed += 1 }
            // Only the tombstones of the other key explain this history.
            let keys = Set(history.map(\.key))
            let isExplainedAlone = keys.allSatisfy { key in isLinearizable(history.filter { $0.key == key }) }
            if isGood, !isExplainedAlone { counts.raised += 1 }
        }
        #expect(counts.good > 1_000)
        #expect(counts.bad > 400)
        #expect(counts.raised > 100)
        #expect(counts.missed < counts.bad / 20, "\(counts)")
    }
}
