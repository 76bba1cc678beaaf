import Replication
import TestSupport
import Testing

@testable import Consistent

/// Rules C6 and C7 on a batch without replicas. Each test is a run that a rule prevents.
@Suite(.timeLimit(.minutes(20))) struct BatchTests {
    private let mine: UInt64 = 1

    private func pending(_ text: String) -> PendingOperation {
        PendingOperation(
            .write(Bytes(text.utf8), ttlMs: nil, precondition: nil), deadlineNs: 1,
            progress: RoundProgress(scheduler: VirtualScheduler()))
    }

    @Test func aBatchThatWasNeverSentIsNotApplied() {
        let operation = pending("a")
        let batch = Batch(number: 1, operations: [operation])
        _ = batch.proposal(on: .absent(gcVersion: 0), proposer: mine, nowMs: 0)
        #expect(batch.outcome(of: operation) == .notApplied)
    }

    @Test func theEntryOfAnEarlierBatchIsNotTakenForThisOne() throws {
        // Otherwise, a write would count as done if the state has its proposer's previous batch.
        let batch = Batch(number: 2, operations: [pending("b")])
        var state = RegisterState.absent(gcVersion: 0)
        state.recordWriter(.init(proposer: mine, number: 1, attempt: 1))
        let next = try #require(batch.proposal(on: state, proposer: mine, nowMs: 0))
        #expect(next.isChanged)
        #expect(next.state.value == Bytes("b".utf8))
        #expect(next.state.writers == [.init(proposer: mine, number: 2, attempt: 1)])
    }

    @Test func anOperationAnswersOnceAndItsFirstAnswerStands() {
        let operation = pending("a")
        operation.finish(.failure(StoreFailure(.timeout, "first")))
        operation.finish(.success((.applied(version: 1), 3)))
        guard case .failure(let failure)? = operation.answer else {
            Issue.record("expected the first answer")
            return
        }
        #expect(failure.detail == "first")
    }
}

@Suite(.timeLimit(.minutes(20))) struct StateCacheTests {
    @Test func anEntryServesOneChange() {
        var cache = StateCache()
        let register = Register(key: [1])
        let ballot = Ballot(counter: 1, proposer: 1)
        cache.put(.init(ballot: ballot, state: .absent(gcVersion: 0)), for: register)
        #expect(cache.take(register)?.ballot == ballot)
        #expect(cache.take(register) == nil)
    }

    @Test func isBoundedByEntriesAndBytes() {
        var cache = StateCache(maxEntries: 10, maxBytes: 1_000)
        var state = RegisterState.absent(gcVersion: 0)
        state.value = Bytes(repeating: 0, count: 300)
        for key in UInt8(0)..<100 {
            cache.put(.init(ballot: Ballot(counter: 1, proposer: 1), state: state), for: Register(key: [key]))
        }
        #expect(cache.count == 3)
        state.value = []
        for key in UInt8(0)..<100 {
            cache.put(.init(ballot: Ballot(counter: 2, proposer: 1), state: state), for: Register(key: [key]))
        }
        #expect(cache.count <= 10)
    }
}
