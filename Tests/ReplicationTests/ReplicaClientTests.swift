import EventLoop
import Replication
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ReplicaClientTests {
    private let scheduler = VirtualScheduler()
    private let group: ScriptedGroup
    private let client: ReplicaClient

    init() {
        group = ScriptedGroup(scheduler)
        client = ReplicaClient(group: group, scheduler: scheduler, timeoutNs: 100 * nsPerMs)
    }

    @Test func oneReplicaReplies() throws {
        group.plannedReplies = [1: (5, .integer(7))]
        try scheduler.run { [client] in
            #expect(await client.ask(.plain("GET", "a"), of: 1) == .integer(7))
        }
    }

    @Test func aLostReplyIsNil() throws {
        group.plannedReplies = [1: (5, nil)]
        try scheduler.run { [client, group] in
            #expect(await client.ask(.plain("GET", "a"), of: 1) == nil)
            #expect(group.nowMs == 5)
        }
    }

    @Test func aSilentReplicaCostsTheTimeout() throws {
        group.plannedReplies = [0: (5, .integer(0)), 2: (200, .integer(2))]
        try scheduler.run { [client, group] in
            let replies = await client.ask(.plain("GET", "a"), of: .all(3))
            #expect(group.nowMs == 100)
            #expect(replies[0] == .integer(0))
            #expect(replies[1] == nil)
            #expect(replies[2] == nil)
        }
    }

    @Test func aDeadlineReplacesTheTimeout() throws {
        try scheduler.run { [client, group, scheduler] in
            _ = await client.ask(.plain("GET", "a"), of: 0, deadlineNs: scheduler.nowNs + 300 * nsPerMs)
            #expect(group.nowMs == 300)
        }
    }

    @Test func aReplicaBeingAdmittedIsReachedOnlyWhenSaid() throws {
        group.available = [0]
        group.connectedOnly = [1]
        group.plannedReplies = [1: (5, .integer(1))]
        try scheduler.run { [client] in
            #expect(await client.ask(.plain("GET", "a"), of: 1) == nil)
            #expect(await client.ask(.plain("GET", "a"), of: 1, duringAdmission: true) == .integer(1))
        }
    }

    @Test func severalCommandsRunAtATime() throws {
        group.plannedReplies = [0: (50, .integer(0))]
        try scheduler.run { [client, group] in
            let first = client.send(.plain("GET", "a"), to: [0])
            let second = client.send(.plain("GET", "b"), to: [0])
            await first.waitForAll()
            await second.waitForAll()
            #expect(group.nowMs == 50)
            #expect(second.reply(from: 0) == .integer(0))
        }
    }
}
