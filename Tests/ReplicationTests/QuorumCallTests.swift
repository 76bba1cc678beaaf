import EventLoop
import Replication
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct QuorumCallTests {
    private static let ok = Reply.status("OK")
    private let scheduler = VirtualScheduler()
    private let group: ScriptedGroup
    private let call: QuorumCall

    init() {
        group = ScriptedGroup(scheduler)
        call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + 10_000 * nsPerMs)
    }

    @Test func aWaitEndsWithTheReplyThatDecides() throws {
        group.plannedReplies = [0: (20, Self.ok), 1: (30, .integer(7)), 2: (10, Self.ok)]
        try scheduler.run { [call, group, scheduler] in
            call.send(.plain("PING"), to: .all(3))
            await call.wait { $0.replicas { $0 == Self.ok }.count >= 2 }
            #expect(group.nowMs == 20)
            #expect(call.answered == [0, 2])
            #expect(call.outstanding == [1])
            #expect(!call.isExpired)
            // A late reply is still stored.
            await scheduler.sleep(forNs: 20 * nsPerMs)
            #expect(call.reply(from: 1) == .integer(7))
        }
    }

    @Test func aWaitForRepliesCountsThem() throws {
        group.plannedReplies = [0: (20, Self.ok), 1: (30, .error("ERR no")), 2: (10, nil)]
        try scheduler.run { [call, group] in
            call.send(.plain("PING"), to: .all(3))
            await call.wait(forReplies: 1)
            #expect(group.nowMs == 20)
            await call.wait(forReplies: 2)
            #expect(group.nowMs == 30)
            #expect(call.answered == [0, 1])
        }
    }

    @Test func aWaitEndsWhenNoReplyIsOutstanding() throws {
        group.plannedReplies = [0: (10, nil), 1: (20, .error("ERR no")), 2: (30, nil)]
        try scheduler.run { [call, group] in
            call.send(.plain("PING"), to: .all(3))
            await call.wait { $0.replicas { $0 == Self.ok }.count >= 2 }
            #expect(group.nowMs == 30)
            #expect(call.lost == [0, 2])
            #expect(call.answered == [1])
            #expect(!call.isExpired)
        }
    }

    @Test func aWaitEndsExactlyAtTheDeadline() throws {
        group.plannedReplies = [0: (10_001, Self.ok)]
        try scheduler.run { [call, scheduler] in
            call.send(.plain("PING"), to: .all(3))
            await call.waitForAll()
            #expect(call.isExpired)
            #expect(call.answered.isEmpty)
            #expect(scheduler.nowNs == call.deadlineNs)
        }
    }

    @Test func aLimitEndsOneWaitButNotTheCall() throws {
        group.plannedReplies = [1: (5, Self.ok)]
        try scheduler.run { [call, group, scheduler] in
            call.send(.plain("PING"), to: [0])
            await call.wait(limitNs: scheduler.nowNs + 5 * nsPerMs) { _ in false }
            #expect(group.nowMs == 5)
            #expect(!call.isExpired)
            call.send(.plain("PING"), to: [1])
            await call.wait { !$0.answered.isEmpty }
            #expect(group.nowMs == 10)
            #expect(call.answered == [1])
        }
    }

    @Test func aSecondWaitEndsAtItsDeadlineAlthoughTheFirstTimerWasDropped() throws {
        group.plannedReplies = [0: (5, Self.ok)]
        try scheduler.run { [call, scheduler] in
            call.send(.plain("PING"), to: [0])
            await call.wait(limitNs: scheduler.nowNs + 100 * nsPerMs) { !$0.answered.isEmpty }
            call.send(.plain("PING"), to: [1])
            await call.waitForAll()
            #expect(call.isExpired)
            #expect(scheduler.nowNs == call.deadlineNs)
        }
    }

    @Test func aWaitForNothingReturnsAtOnce() throws {
        group.available = []
        try scheduler.run { [call, group] in
            call.send(.plain("PING"), to: .all(3))
            await call.waitForAll()
            #expect(group.nowMs == 0)
            #expect(call.sent.isEmpty)
            #expect(!call.isExpired)
        }
    }

    @Test func overloadedAndResentReplicasAreRecorded() {
        group.overloaded = [2]
        call.send(.plain("PING"), to: .all(3))
        call.send(.plain("PING"), to: [1])
        #expect(call.sent == [0, 1])
        #expect(call.overloaded == [2])
        #expect(call.resent == [1])
        group.reply(.integer(1), from: 1)
        group.reply(.integer(2), from: 1)
        #expect(call.reply(from: 1) == .integer(1), "the first reply is kept")
    }

    @Test func aClosedCallKeepsNoReply() {
        call.send(.plain("PING"), to: .all(3))
        group.reply(Self.ok, from: 0)
        call.close()
        group.reply(Self.ok, from: 1)
        #expect(call.replies == [nil, nil, nil])
        #expect(call.answered == [0, 1])
    }
}
