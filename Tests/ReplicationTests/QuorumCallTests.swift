import EventLoop
import Replication
import TestSupport
import Testing

/// Three replicas that answer when the test says so.
private final class ScriptedGroup: ReplicaGroup {
    let replicaNames = ["g1", "g2", "g3"]
    var guardCommand: Command?
    var delegate: (any ReplicaGroupDelegate)?
    var available: ReplicaSet = .all(3)
    var full: ReplicaSet = []
    private(set) var sinks: [(replica: Int, sink: any ReplySink)] = []

    var nearestFirst: [Int] { Array(available) }
    func latencyNs(_ replica: Int) -> UInt64 { 1_000_000 }

    func send(_ command: Command, to targets: ReplicaSet, sink: any ReplySink) -> Handover {
        var handover = Handover()
        for replica in targets where available.contains(replica) {
            if full.contains(replica) {
                handover.overloaded.insert(replica)
            } else {
                handover.handed.insert(replica)
                sinks.append((replica, sink))
            }
        }
        return handover
    }

    func sendDuringAdmission(_ command: Command, to replica: Int, sink: any ReplySink) -> Handover {
        send(command, to: [replica], sink: sink)
    }

    func reply(_ reply: Reply?, from replica: Int) {
        guard let index = sinks.firstIndex(where: { $0.replica == replica }) else { return }
        sinks.remove(at: index).sink.receive(reply, from: replica)
    }
}

@Suite struct QuorumCallTests {
    private static let ok = Reply.status("OK")

    private func withCall(
        withinMs: UInt64 = 10_000,
        _ body: @escaping @Sendable (Reactor, QuorumCallTests.Call) async throws -> Void
    ) async throws {
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let group = ScriptedGroup()
            let call = QuorumCall(
                group: group, scheduler: reactor, deadlineNs: reactor.nowNs + withinMs * nsPerMs)
            try await body(reactor, Call(group: group, call: call))
        }
    }

    fileprivate struct Call {
        fileprivate let group: ScriptedGroup
        let call: QuorumCall
    }

    @Test func theWaitEndsWithTheReplyThatDecides() async throws {
        try await withCall { reactor, it in
            it.call.send(.plain("PING"), to: .all(3))
            reactor.spawn {
                it.group.reply(Self.ok, from: 2)
                it.group.reply(Self.ok, from: 0)
            }
            await it.call.wait { $0.count { $0 == Self.ok } >= 2 }
            #expect(it.call.answered == [0, 2])
            #expect(it.call.outstanding == [1])
            #expect(!it.call.isExpired)
            // Late replies are still taken in.
            it.group.reply(.integer(7), from: 1)
            #expect(it.call.reply(from: 1) == .integer(7))
        }
    }

    @Test func theWaitEndsWhenNobodyIsLeftToAnswer() async throws {
        try await withCall { reactor, it in
            it.call.send(.plain("PING"), to: .all(3))
            reactor.spawn {
                it.group.reply(nil, from: 0)
                it.group.reply(.error("ERR no"), from: 1)
                it.group.reply(nil, from: 2)
            }
            await it.call.wait { $0.count { $0 == Self.ok } >= 2 }
            #expect(it.call.lost == [0, 2])
            #expect(it.call.answered == [1])
            #expect(!it.call.isExpired)
        }
    }

    @Test func aSilentReplicaCostsTheDeadlineAndNoMore() async throws {
        try await withCall(withinMs: 30) { reactor, it in
            it.call.send(.plain("PING"), to: .all(3))
            await it.call.waitForAll()
            #expect(it.call.isExpired)
            #expect(it.call.answered.isEmpty)
            #expect(reactor.nowNs >= it.call.deadlineNs)
        }
    }

    @Test func aLimitEndsOneWaitAndNotTheCall() async throws {
        try await withCall { reactor, it in
            it.call.send(.plain("PING"), to: [0])
            await it.call.wait(limitNs: reactor.nowNs + 5 * nsPerMs) { _ in false }
            #expect(!it.call.isExpired)
            // The hedge.
            it.call.send(.plain("PING"), to: [1])
            reactor.spawn { it.group.reply(Self.ok, from: 1) }
            await it.call.wait { !$0.answered.isEmpty }
            #expect(it.call.answered == [1])
        }
    }

    @Test func withNothingHandedOverNobodyWaits() async throws {
        try await withCall { _, it in
            it.group.available = []
            it.call.send(.plain("PING"), to: .all(3))
            await it.call.waitForAll()
            #expect(it.call.handed.isEmpty)
            #expect(!it.call.isExpired)
        }
    }

    @Test func fullAndTwiceAskedReplicasAreRemembered() async throws {
        try await withCall { _, it in
            it.group.full = [2]
            it.call.send(.plain("PING"), to: .all(3))
            it.call.send(.plain("PING"), to: [1])
            #expect(it.call.handed == [0, 1])
            #expect(it.call.overloaded == [2])
            #expect(it.call.handedTwice == [1])
            // The first reply of a replica that was asked twice stands.
            it.group.reply(.integer(1), from: 1)
            it.group.reply(.integer(2), from: 1)
            #expect(it.call.reply(from: 1) == .integer(1))
        }
    }
}
