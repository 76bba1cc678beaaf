import EventLoop
import Replication
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct HedgedCallTests {
    private static let good = Reply.status("good")
    private static let bad = Reply.status("bad")
    private let scheduler = VirtualScheduler()
    private let group: ScriptedGroup

    init() { group = ScriptedGroup(scheduler) }

    private func makeCall(withinMs: UInt64 = 1_000, minReplies: Int = 1) -> HedgedCall {
        HedgedCall(
            .plain("GET", "a"), group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + withinMs * nsPerMs,
            minReplies: minReplies)
    }

    /// Asks one replica after the other, 10 ms apart; the first good reply wins.
    private func firstGood(_ hedged: HedgedCall) async -> HedgedCall.Outcome<Int> {
        await hedged.run { excluded in
            guard let replica = group.nearestFirst.first(where: { !excluded.contains($0) }) else { return .wait }
            return .ask([replica], delayNs: 10 * nsPerMs)
        } judge: { newReplies in
            for replica in newReplies where hedged.call.reply(from: replica) == Self.good { return .answer(replica) }
            return .wait()
        }
    }

    private func sent(_ pairs: (replica: Int, atMs: UInt64)...) -> [ScriptedGroup.Sent] {
        pairs.map { ScriptedGroup.Sent(replica: $0.replica, atMs: $0.atMs) }
    }

    @Test func aFastReplicaIsAskedAlone() throws {
        group.plannedReplies = [0: (5, Self.good)]
        try scheduler.run { [self] in
            #expect(answer(await firstGood(makeCall())) == 0)
            #expect(group.log == sent((0, 0)))
        }
    }

    @Test func aSlowReplicaIsHedgedByTheNext() throws {
        group.plannedReplies = [0: (100, Self.good), 1: (100, Self.good), 2: (1, Self.good)]
        try scheduler.run { [self] in
            #expect(answer(await firstGood(makeCall())) == 2)
            #expect(group.log == sent((0, 0), (1, 10), (2, 20)))
            #expect(group.nowMs == 21)
        }
    }

    @Test func aLostOrBadReplyBringsTheNextAtOnce() throws {
        group.plannedReplies = [0: (1, nil), 1: (1, Self.bad), 2: (1, Self.good)]
        try scheduler.run { [self] in
            #expect(answer(await firstGood(makeCall())) == 2)
            #expect(group.log == sent((0, 0), (1, 1), (2, 2)))
        }
    }

    @Test func anOverloadedReplicaIsSkippedAtOnce() throws {
        group.overloaded = [0]
        group.plannedReplies = [1: (1, Self.good)]
        try scheduler.run { [self] in
            #expect(answer(await firstGood(makeCall())) == 1)
            #expect(group.log == sent((1, 0)))
        }
    }

    @Test func withNoReplicaLeftTheOutstandingOnesAreAwaited() throws {
        group.plannedReplies = [0: (200, Self.good), 1: (300, Self.bad), 2: (300, Self.bad)]
        try scheduler.run { [self] in
            #expect(answer(await firstGood(makeCall())) == 0)
            #expect(group.nowMs == 200)
        }
    }

    @Test func theCallIsExhaustedWhenEveryReplicaRepliedInVain() throws {
        group.plannedReplies = [0: (1, Self.bad), 1: (1, nil), 2: (1, Self.bad)]
        try scheduler.run { [self] in
            guard case .exhausted = await firstGood(makeCall()) else {
                Issue.record("not exhausted")
                return
            }
            #expect(group.nowMs == 3)
        }
    }

    @Test func withoutAnyReplicaTheCallIsExhaustedAtOnce() throws {
        group.available = []
        try scheduler.run { [self] in
            guard case .exhausted = await firstGood(makeCall()) else {
                Issue.record("not exhausted")
                return
            }
            #expect(group.nowMs == 0)
        }
    }

    @Test func theCallExpiresAtItsDeadline() throws {
        try scheduler.run { [self] in
            guard case .expired = await firstGood(makeCall(withinMs: 50)) else {
                Issue.record("not expired")
                return
            }
            #expect(group.nowMs == 50)
        }
    }

    /// As in a session read: one replica, then all others, and an incomplete answer after a while.
    @Test func judgeMayAskForTheNextWaveAndGiveUpLater() throws {
        group.plannedReplies = [0: (1, Self.bad), 1: (5, Self.bad), 2: (500, Self.good)]
        try scheduler.run { [self] in
            let hedged = makeCall()
            var waves = 0
            var bestBy: UInt64 = .max
            let outcome: HedgedCall.Outcome<Int> = await hedged.run { _ in
                waves += 1
                switch waves {
                case 1: return .ask([0], delayNs: 10 * nsPerMs)
                case 2:
                    bestBy = scheduler.nowNs + 50 * nsPerMs
                    return .ask([1, 2], delayNs: 50 * nsPerMs)
                default: return .wait
                }
            } judge: { _ in
                if waves == 1 { return .askNext }
                return scheduler.nowNs >= bestBy ? .giveUp : .wait()
            }
            guard case .exhausted = outcome else {
                Issue.record("did not give up")
                return
            }
            #expect(group.log == sent((0, 0), (1, 1), (2, 1)))
            #expect(group.nowMs == 51)
        }
    }

    /// As in a read from a quorum: `judge` is called only when there are enough replies, or when a wave is due.
    @Test func judgeWaitsForTheLeastNumberOfReplies() throws {
        group.plannedReplies = [0: (2, Self.good), 1: (4, Self.good)]
        try scheduler.run { [self] in
            let hedged = makeCall(minReplies: 2)
            var judged: [UInt64] = []
            let outcome: HedgedCall.Outcome<Int> = await hedged.run { excluded in
                excluded.isEmpty ? .ask([0, 1], delayNs: 10 * nsPerMs) : .giveUp
            } judge: { newReplies in
                judged.append(group.nowMs)
                return newReplies.count == 2 ? .answer(2) : .wait()
            }
            #expect(answer(outcome) == 2)
            #expect(judged == [4])
        }
    }

    @Test func judgeIsCalledAgainAtTheTimeItNames() throws {
        group.plannedReplies = [0: (1, Self.bad)]
        try scheduler.run { [self] in
            let hedged = makeCall()
            var incompleteUntilNs: UInt64?
            let outcome: HedgedCall.Outcome<Int> = await hedged.run { excluded in
                excluded.isEmpty ? .ask([0, 1], delayNs: 100 * nsPerMs) : .wait
            } judge: { _ in
                let untilNs = incompleteUntilNs ?? scheduler.nowNs + 20 * nsPerMs
                incompleteUntilNs = untilNs
                return scheduler.nowNs >= untilNs ? .answer(0) : .wait(untilNs: untilNs)
            }
            #expect(answer(outcome) == 0)
            #expect(group.nowMs == 21)
        }
    }

    @Test func aDelayIsThreeTimesTheLatencyWithinItsBounds() {
        let delay = HedgeDelay(minNs: 10, maxNs: 100)
        #expect(delay.ns(latencyNs: 1) == 10)
        #expect(delay.ns(latencyNs: 20) == 60)
        #expect(delay.ns(latencyNs: 50) == 100)
        #expect(delay.ns(latencyNs: .max) == 100)
    }

    private func answer(_ outcome: HedgedCall.Outcome<Int>) -> Int? {
        if case .answer(let answer) = outcome { answer } else { nil }
    }
}
