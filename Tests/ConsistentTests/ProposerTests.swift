import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// Rules C5 to C7, line by line, on replicas that do as the test says.
@Suite struct ProposerTests {
    let scheduler = VirtualScheduler()
    let group: ScriptedGroup
    let proposer: Proposer
    private let register = Register(key: Bytes("k".utf8))

    init() {
        group = ScriptedGroup(scheduler)
        proposer = Proposer(group: group, scheduler: scheduler, settings: ConsistentSettings())
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

    /// What a majority holds in the end, by a fresh instance's full round.
    private func settled() throws -> RegisterState? {
        group.fate = { _, _ in .answered }
        group.available = .all(3)
        return try scheduler.run { [self] in
            let other = Proposer(group: group, scheduler: scheduler, settings: ConsistentSettings())
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

    /// Another proposer takes over the register above every ballot so far, keeping the state unless given another.
    private func takeOver(_ state: RegisterState, counter: UInt64, on replicas: ReplicaSet = [0, 1, 2]) {
        for replica in replicas { group.put(state, at: Ballot(counter: counter, proposer: 1), register, on: replica) }
    }

    // MARK: C7, not_applied

    @Test func notAppliedWhereNoAcceptWasHandedOver() throws {
        group.fate = { what, _ in what == "accept" ? .notHanded : .answered }
        #expect(outcome(try write("a", withinMs: 100)) == .notApplied)
        #expect(try settled()?.isDeleted == true)
    }

    @Test func notAppliedWhereThePrepareWasNeverAnswered() throws {
        group.fate = { what, _ in what == "prepare" ? .silent : .answered }
        #expect(outcome(try write("a", withinMs: 100)) == .notApplied)
    }

    @Test func notAppliedWhereEveryAcceptWasRefused() throws {
        let refusals: [Reply] = [
            .array([.bulk(Bytes("REJECTED".utf8)), .bulk(Ballot(counter: 3, proposer: 3).text)]),
            .array([.bulk(Bytes("STALE".utf8))]), .array([.bulk(Bytes("NOTMEMBER".utf8))]),
            .error("NOSCRIPT No matching script"),
        ]
        for refusal in refusals {
            // One attempt, so that none is under way when the time is over.
            var isSent = false
            group.fate = { what, _ in
                if what == "accept" { isSent = true }
                if what == "prepare", isSent { return .notHanded }
                return what == "accept" ? .refused(refusal) : .answered
            }
            #expect(outcome(try write("a", withinMs: 100)) == .notApplied, "\(refusal)")
        }
        #expect(try settled()?.isDeleted == true)
    }

    @Test func whoWaitsBehindAnOutbidChangeIsNotToldThatReplicasAreMissing() throws {
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

    @Test func unknownWhereOneAcceptWasNotAnswered() throws {
        group.fate = { what, replica in
            guard what == "accept" else { return .answered }
            return replica == 0 ? .silent : .refused(.array([.bulk(Bytes("NOTMEMBER".utf8))]))
        }
        #expect(outcome(try write("a", withinMs: 100)) == .unknown)
        #expect(try settled()?.value == Bytes("a".utf8))
    }

    @Test func unknownWhereTheConnectionWasLostAfterTheHandOverWhetherItRanOrNot() throws {
        for fate in [Fate.lostAfterItRan, .lostBeforeItRan] {
            var isSent = false
            group.fate = { what, _ in
                if what == "accept" { isSent = true }
                if what == "prepare", isSent { return .notHanded }
                return what == "accept" ? fate : .answered
            }
            #expect(outcome(try write("a", withinMs: 100)) == .unknown)
        }
    }

    @Test func aServerErrorIsNoRefusal() throws {
        group.fate = { what, _ in what == "accept" ? .refused(.error("MISCONF disk full")) : .answered }
        #expect(outcome(try write("a", withinMs: 100)) == .unknown)
    }

    // MARK: C6, the retry

    @Test func aRetryThatFindsItsEntryAnswersFromTheAttemptThatIsIn() throws {
        // The first accept reaches one replica and its replies are lost; the retry finds it there and must not run again.
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
        let state = try settled()
        #expect(state?.version == 1)
        #expect(state?.writers.map(\.attempt) == [1])
    }

    @Test func aRetryThatDoesNotFindItsEntryRunsAgainAndAnswersFromThatAttempt() throws {
        // The first accept reached nobody, and another's write came between: a compare-and-set now fails, and says so.
        var accepts = 0
        let theirs = RegisterState.absent(floor: 0).applying(
            [.write(Bytes("b".utf8), ttlMs: nil, precondition: nil)], as: .init(proposer: 1, number: 1, attempt: 1),
            nowMs: 0
        ).state
        group.fate = { [self] what, _ in
            guard what == "accept" else { return .answered }
            accepts += 1
            if accepts == 3 { takeOver(theirs, counter: 50) }
            return accepts <= 3 ? .lostBeforeItRan : .answered
        }
        guard case .success((let result, _)) = try write("a", if: .absent) else {
            Issue.record("expected an answer")
            return
        }
        #expect(result == .preconditionFailed(version: 1, exists: true))
        #expect(try settled()?.value == Bytes("b".utf8))
    }

    @Test func anEvictedEntryMakesTheOutcomeUnknown() throws {
        // While our accept was in doubt, 17 others wrote: had ours been in, its entry would be gone.
        var accepts = 0
        var state = RegisterState.absent(floor: 0)
        for number in 1...17 {
            state =
                state.applying(
                    [.write([UInt8(number)], ttlMs: nil, precondition: nil)],
                    as: .init(proposer: UInt64(number), number: 1, attempt: 1), nowMs: 0
                ).state
        }
        group.fate = { [self] what, _ in
            guard what == "accept" else { return .answered }
            accepts += 1
            if accepts == 3 { takeOver(state, counter: 50) }
            return accepts <= 3 ? .lostBeforeItRan : .answered
        }
        #expect(outcome(try write("a")) == .unknown)
        #expect(try settled()?.version == 17)
    }

    @Test func whatWasNeverSentIsNotUndecidableHoweverManyOthersWrote() throws {
        // The first attempt was computed and not handed out; the second finds a state that has evicted entries since.
        var accepts = 0
        var state = RegisterState.absent(floor: 0)
        for number in 1...17 {
            state =
                state.applying(
                    [.write([UInt8(number)], ttlMs: nil, precondition: nil)],
                    as: .init(proposer: UInt64(number), number: 1, attempt: 1), nowMs: 0
                ).state
        }
        group.fate = { [self] what, _ in
            guard what == "accept" else { return .answered }
            accepts += 1
            if accepts == 3 { takeOver(state, counter: 50) }
            return accepts <= 3 ? .notHanded : .answered
        }
        #expect(outcome(try write("a")) == .applied)
        #expect(try settled()?.version == 18)
    }

    @Test func aRetryGoesOnAtAHigherBallotThanAnyThatRefusedIt() throws {
        let theirs = RegisterState.absent(floor: 0)
        takeOver(theirs, counter: 700)
        guard case .success = try write("a") else {
            Issue.record("expected success")
            return
        }
        let ballots = group.acceptors.compactMap { $0.records[register.redisKey]?.ballot?.counter }
        #expect(ballots.count { $0 > 700 } >= 2)
    }

    // MARK: C5

    @Test func aFailedConditionIsNotToldFromAStateThatOnlyOneReplicaHolds() throws {
        // g1 alone holds a write in doubt. To answer 412 from it, it must be chosen first.
        let inDoubt = RegisterState.absent(floor: 0).applying(
            [.write(Bytes("b".utf8), ttlMs: nil, precondition: nil)], as: .init(proposer: 1, number: 1, attempt: 1),
            nowMs: 0
        ).state
        takeOver(inDoubt, counter: 5, on: [0])
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

    @Test func aTombstoneIsNotWrittenOverByItsPromiseAsItMayHaveBeenCollected() throws {
        _ = try write("a")
        let deadlineNs = scheduler.nowNs + 1_000 * nsPerMs
        _ = try scheduler.run { [self] in
            await proposer.submit(.delete(precondition: nil), on: register, deadlineNs: deadlineNs)
        }
        // All three have collected it, and other keys have raised the floors: that of ballots more on two of them, which is a
        // promise that they made without a record.
        for replica in 0..<3 {
            group.acceptors[replica].records[register.redisKey] = nil
            group.acceptors[replica].versionFloor = 7
        }
        for replica in 1..<3 {
            group.acceptors[replica].records[register.redisKey] = .init(promise: Ballot(counter: 1_000, proposer: 1))
        }
        group.fate = { what, replica in what == "prepare" && replica == 0 ? .silent : .answered }
        guard case .success((.applied, _)) = try write("b") else {
            Issue.record("a healthy group took a write and could not say so")
            return
        }
    }

    // MARK: Deadlines

    @Test func anAnswerComesAtTheDeadlineAndNotLater() throws {
        for fate in [Fate.silent, .notHanded, .refused(.array([.bulk(Bytes("NOTMEMBER".utf8))]))] {
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
        #expect(try settled()?.version == 1)
    }
}
