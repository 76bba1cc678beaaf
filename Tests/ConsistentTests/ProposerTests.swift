import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// Rules C5 to C7 on scripted replicas.
@Suite(.timeLimit(.minutes(20))) struct ProposerTests {
    let scheduler = VirtualScheduler()
    let group: ScriptedGroup
    let proposer: TestProposer
    private let register = Register(key: Bytes("k".utf8))

    init() {
        group = ScriptedGroup(scheduler)
        proposer = TestProposer(group, scheduler)
    }

    private func write(_ text: String, if precondition: Precondition? = nil, withinMs: UInt64 = 1_000) throws
        -> PendingOperation.Answer
    {
        try scheduler.run { [self] in
            await proposer.submit(
                .write(Bytes(text.utf8), ttlMs: nil, precondition: precondition), on: register,
                deadlineNs: scheduler.nowNs + withinMs * nsPerMs)
        }
    }

    /// The final state of the register, from the full round of a new instance.
    private func finalState() throws -> RegisterState? {
        group.fate = { _, _ in .answered }
        group.available = .all(3)
        return try scheduler.run { [self] in
            let other = TestProposer(group, scheduler)
            let answer = await other.submit(.read, on: register, deadlineNs: scheduler.nowNs + 2_000 * nsPerMs)
            if case .success((.state(let state), _)) = answer { return state }
            return nil
        }
    }

    private func outcome(_ answer: PendingOperation.Answer) -> Outcome? {
        switch answer {
        case .success: .applied
        case .failure(let failure): failure.outcome
        }
    }

    /// Another proposer gets `state` accepted at a ballot with this counter, which is above every ballot so far.
    private func takeOver(_ state: RegisterState, counter: UInt64, on replicas: ReplicaSet = [0, 1, 2]) {
        for replica in replicas { group.put(state, at: Ballot(counter: counter, proposer: 1), register, on: replica) }
    }

    /// The first accept has this fate at all replicas, and meanwhile another proposer gets `state` chosen.
    private func takeOverDuringTheFirstAccept(_ state: RegisterState, _ fate: Fate) {
        var accepts = 0
        group.fate = { [self] what, _ in
            guard what == "accept" else { return .answered }
            accepts += 1
            if accepts == 3 { takeOver(state, counter: 50) }
            return accepts <= 3 ? fate : .answered
        }
    }

    /// The state after one write by each of `count` proposers.
    private func stateBy(writers count: Int) -> RegisterState {
        (1...count).reduce(RegisterState.absent(gcVersion: 0)) { state, number in
            state.applying(
                [.write([UInt8(number)], ttlMs: nil, precondition: nil)],
                as: .init(proposer: UInt64(number), number: 1, attempt: 1), nowMs: 0
            ).state
        }
    }

    // MARK: C7, not_applied

    @Test func notAppliedIfNoAcceptWasSent() throws {
        group.fate = { what, _ in what == "accept" ? .notSent : .answered }
        #expect(outcome(try write("a", withinMs: 100)) == .notApplied)
        #expect(try finalState()?.isDeleted == true)
    }

    @Test func notAppliedIfThePrepareWasNeverAnswered() throws {
        group.fate = { what, _ in what == "prepare" ? .silent : .answered }
        #expect(outcome(try write("a", withinMs: 100)) == .notApplied)
    }

    @Test func notAppliedIfEveryAcceptWasRejected() throws {
        let refusals: [Reply] = [
            .array([.bulk(Bytes("REJECTED".utf8)), .bulk(Ballot(counter: 3, proposer: 3).text)]),
            .array([.bulk(Bytes("STALE".utf8))]), .array([.bulk(Bytes("NOTMEMBER".utf8))]),
            .error("NOSCRIPT No matching script"),
        ]
        for refusal in refusals {
            // Allow only one attempt, so that none is running at the deadline.
            var isSent = false
            group.fate = { what, _ in
                if what == "accept" { isSent = true }
                if what == "prepare", isSent { return .notSent }
                return what == "accept" ? .refused(refusal) : .answered
            }
            #expect(outcome(try write("a", withinMs: 100)) == .notApplied, "\(refusal)")
        }
        #expect(try finalState()?.isDeleted == true)
    }

    @Test func anOperationBehindAPreemptedChangeTimesOut() throws {
        var counter: UInt64 = 10
        group.fate = { what, _ in
            guard what == "prepare" else { return .answered }
            counter += 10_000
            return .refused(.array([.bulk(Bytes("REJECTED".utf8)), .bulk(Ballot(counter: counter, proposer: 3).text)]))
        }
        var first: PendingOperation.Answer?
        scheduler.spawn { [self] in
            first = await proposer.submit(
                .write(Bytes("a".utf8), ttlMs: nil, precondition: nil), on: register,
                deadlineNs: scheduler.nowNs + 1_000 * nsPerMs)
        }
        guard case .failure(let failure) = try write("b", withinMs: 500) else {
            Issue.record("expected no answer in time")
            return
        }
        #expect(first == nil)
        #expect(failure.code == .timeout)
        #expect(failure.outcome == .notApplied)
    }

    // MARK: C7, unknown

    @Test func unknownIfOneAcceptWasNotAnswered() throws {
        group.fate = { what, replica in
            guard what == "accept" else { return .answered }
            return replica == 0 ? .silent : .refused(.array([.bulk(Bytes("NOTMEMBER".utf8))]))
        }
        #expect(outcome(try write("a", withinMs: 100)) == .unknown)
        #expect(try finalState()?.value == Bytes("a".utf8))
    }

    @Test func unknownIfTheConnectionWasLostAfterSending() throws {
        for fate in [Fate.lostAfterItRan, .lostBeforeItRan] {
            var isSent = false
            group.fate = { what, _ in
                if what == "accept" { isSent = true }
                if what == "prepare", isSent { return .notSent }
                return what == "accept" ? fate : .answered
            }
            #expect(outcome(try write("a", withinMs: 100)) == .unknown)
        }
    }

    @Test func aServerErrorIsNoRejection() throws {
        group.fate = { what, _ in what == "accept" ? .refused(.error("MISCONF disk full")) : .answered }
        #expect(outcome(try write("a", withinMs: 100)) == .unknown)
    }

    // MARK: C6, the retry

    @Test func aRetryThatFindsItsEntryAnswersWhatThatAttemptComputed() throws {
        // The first accept reaches one replica and its reply is lost. The retry finds it there and must not apply it
        // again.
        var accepts = 0
        group.fate = { what, replica in
            guard what == "accept" else { return .answered }
            accepts += 1
            guard accepts <= 3 else { return .answered }
            return replica == 0 ? .lostAfterItRan : .lostBeforeItRan
        }
        guard case .success((let result, _)) = try write("a") else {
            Issue.record("expected success")
            return
        }
        #expect(result == .applied(version: 1))
        let state = try finalState()
        #expect(state?.version == 1)
        #expect(state?.writers.map(\.attempt) == [1])
    }

    @Test func aRetryThatDoesNotFindItsEntryAppliesTheChangeAgain() throws {
        // The first accept reaches no replica, and another proposer writes meanwhile. So the compare-and-set fails.
        takeOverDuringTheFirstAccept(stateBy(writers: 1), .lostBeforeItRan)
        guard case .success((let result, _)) = try write("a", if: .absent) else {
            Issue.record("expected an answer")
            return
        }
        #expect(result == .preconditionFailed(version: 1, exists: true))
        #expect(try finalState()?.value == [1])
    }

    @Test func anEvictedEntryMakesTheOutcomeUnknown() throws {
        // While the outcome of the accept is unknown, 17 others write. They would have evicted its entry.
        takeOverDuringTheFirstAccept(stateBy(writers: 17), .lostBeforeItRan)
        #expect(outcome(try write("a")) == .unknown)
        #expect(try finalState()?.version == 17)
    }

    @Test func anAttemptThatWasNeverSentIsAlwaysDecidable() throws {
        // The first attempt is computed but not sent. The second finds a state that has since evicted entries.
        takeOverDuringTheFirstAccept(stateBy(writers: 17), .notSent)
        #expect(outcome(try write("a")) == .applied)
        #expect(try finalState()?.version == 18)
    }

    @Test func aRetryUsesAHigherBallotThanAnyThatRejectedIt() throws {
        let theirs = RegisterState.absent(gcVersion: 0)
        takeOver(theirs, counter: 700)
        guard case .success = try write("a") else {
            Issue.record("expected success")
            return
        }
        let ballots = group.acceptors.compactMap { $0.records[register.redisKey]?.ballot?.counter }
        #expect(ballots.count { $0 > 700 } >= 2)
    }

    // MARK: C5

    @Test func aFailedConditionIsNotAnsweredFromAStateThatOnlyOneReplicaHolds() throws {
        // Only g1 has a write, which is not chosen. It must be chosen before 412 is answered from it.
        let unchosen = RegisterState.absent(gcVersion: 0).applying(
            [.write(Bytes("b".utf8), ttlMs: nil, precondition: nil)], as: .init(proposer: 1, number: 1, attempt: 1),
            nowMs: 0
        ).state
        takeOver(unchosen, counter: 5, on: [0])
        group.available = [0, 1]
        guard case .success((.preconditionFailed(version: 1, exists: true), let acks)) = try write("a", if: .absent)
        else {
            Issue.record("expected a failed condition")
            return
        }
        #expect(acks == 2)
        for replica in 0..<2 {
            #expect(group.acceptors[replica].records[register.redisKey]?.fields[1] == .bulk(Bytes("b".utf8)))
        }
    }

    @Test func aCachedStateIsNotUsedAgainAfterItsAcceptFailed() throws {
        guard case .success = try write("a") else {
            Issue.record("expected success")
            return
        }
        var accepts = 0
        group.fate = { what, _ in
            guard what == "accept" else { return .answered }
            accepts += 1
            return accepts <= 3 ? .lostBeforeItRan : .answered
        }
        let before = proposer.counts.prepares
        guard case .success((.applied(version: 2), _)) = try write("b") else {
            Issue.record("expected version 2")
            return
        }
        #expect(proposer.counts.prepares == before + 1)
    }

    @Test func aTombstoneIsNotCached() throws {
        _ = try write("a")
        let deadlineNs = scheduler.nowNs + 1_000 * nsPerMs
        _ = try scheduler.run { [self] in
            await proposer.submit(.delete(precondition: nil), on: register, deadlineNs: deadlineNs)
        }
        // All three replicas have collected the tombstone, and other keys have raised the GC watermark. On two
        // replicas, its ballot is also higher, which is a promise for every key without a record.
        for replica in 0..<3 {
            group.acceptors[replica].records[register.redisKey] = nil
            group.acceptors[replica].gcVersion = 7
        }
        for replica in 1..<3 {
            group.acceptors[replica].records[register.redisKey] = .init(promise: Ballot(counter: 1_000, proposer: 1))
        }
        group.fate = { what, replica in what == "prepare" && replica == 0 ? .silent : .answered }
        guard case .success((.applied, _)) = try write("b") else {
            Issue.record("a healthy group could not tell the outcome of a write")
            return
        }
    }

    // MARK: Deadlines

    @Test func aVoterAndALearnerAreNoQuorumAndAChangeFailsAtOnce() throws {
        let entries = group.acceptors.enumerated().map {
            GroupConfiguration.Entry(
                name: "g\($0 + 1)", incarnation: $1.incarnation, isVoter: $0 < 2)
        }
        group.install(GroupConfiguration(epoch: 2, entries: entries), on: [0, 1], Ballot(counter: 7, proposer: 9))
        group.acceptors[2].state = "rebuilding"
        #expect(outcome(try write("a")) == .applied)
        group.available = [1, 2]
        let startNs = scheduler.nowNs
        guard case .failure(let failure) = try write("b") else {
            Issue.record("a learner voted")
            return
        }
        #expect(failure.code == .noQuorum)
        #expect(failure.outcome == .notApplied)
        #expect(scheduler.nowNs == startNs)
    }

    @Test func noAcceptIsSentAfterAllOperationsOfABatchAreAnswered() throws {
        // The accept of the first attempt is lost, and the prepare of the next one ends after the deadline.
        var isRetried = false
        group.fate = { what, _ in
            if what == "accept" { isRetried = true }
            return what == "accept" ? .lostBeforeItRan : isRetried ? .held : .answered
        }
        #expect(outcome(try write("a", withinMs: 50)) == .unknown)
        let accepts = group.log.count { $0.hasPrefix("accept") }
        group.fate = { _, _ in .answered }
        group.release()
        _ = try scheduler.run { [self] in await scheduler.sleep(forNs: 100 * nsPerMs) }
        #expect(group.log.count { $0.hasPrefix("accept") } == accepts)
    }

    @Test func anAnswerComesAtTheDeadlineAndNotLater() throws {
        for fate in [Fate.silent, .notSent, .refused(.array([.bulk(Bytes("NOTMEMBER".utf8))]))] {
            group.fate = { _, _ in fate }
            let startNs = scheduler.nowNs
            _ = try write("a", withinMs: 200)
            #expect(scheduler.nowNs - startNs <= 200 * nsPerMs)
        }
    }

    @Test func anOperationPastItsDeadlineIsNotCarriedByALaterAttempt() throws {
        group.fate = { what, _ in what == "accept" ? .refused(.array([.bulk(Bytes("STALE".utf8))])) : .answered }
        #expect(outcome(try write("late", withinMs: 50)) == .notApplied)
        group.fate = { _, _ in .answered }
        _ = try write("b")
        #expect(try finalState()?.version == 1)
    }
}
