import Testing

@testable import Service

@Suite struct RefusalBudgetTests {
    @Test func refusalsAboveTheBudgetAreCountedAndNotRecorded() {
        var budget = RefusalBudget()
        var recorded = 0
        for _ in 0..<1_000 where budget.take(atNs: 5) != nil { recorded += 1 }
        #expect(recorded == RefusalBudget.maxPerMinute)
        #expect(budget.take(atNs: 60_000_000_004) == nil)
        #expect(budget.take(atNs: 60_000_000_005) == 1_000 - RefusalBudget.maxPerMinute + 1)
        #expect(budget.take(atNs: 60_000_000_006) == 0)
    }
}
