import EventLoop
import Replication
import Testing

@testable import Redis

/// Decides whether a missing reply is due to the replica, or to bytes that wait in the connection's own queue.
@Suite(.timeLimit(.minutes(20))) final class UnansweredCommandsTests {
    private var unanswered = UnansweredCommands()
    private var health = LinkHealth(RedisGroupSettings())

    private func send(_ byteCount: Int, atMs ms: UInt64) {
        unanswered.append(.init(recipient: .identityCheck, sentNs: ms * nsPerMs, byteCount: byteCount))
    }

    private func judge(atMs ms: UInt64) -> LinkHealth.Silence {
        health.judge(progressNs: unanswered.progressNs, nowNs: ms * nsPerMs)
    }

    private func answerOldest(atMs ms: UInt64) {
        _ = unanswered.popFirst(atNs: ms * nsPerMs)
        health.didReceiveReply(atNs: ms * nsPerMs)
    }

    @Test func aCommandBehindOthersIsJudgedFromTheReplyBeforeIt() {
        for _ in 0..<20 { send(1 << 20, atMs: 0) }
        unanswered.didWrite(unsent: 0, atNs: 0)
        for reply in 1...19 {
            #expect(judge(atMs: UInt64(reply) * 200) == .none)
            answerOldest(atMs: UInt64(reply) * 200)
        }
        #expect(judge(atMs: 19 * 200 + 251) == .late)
        #expect(judge(atMs: 19 * 200 + 501) == .stalled)
    }

    @Test func aLateCommandIsOneFailure() {
        for _ in 0..<20 { send(10, atMs: 0) }
        unanswered.didWrite(unsent: 0, atNs: 0)
        #expect(judge(atMs: 251) == .late)
        #expect(judge(atMs: 400) == .none)
        answerOldest(atMs: 450)
        #expect(health.wasLastReplyLate)
        answerOldest(atMs: 450)
        #expect(!health.wasLastReplyLate)
    }

    @Test func aCommandIsJudgedFromWhenTheKernelHasAllOfIt() {
        send(3_000_000, atMs: 0)
        send(1_000_000, atMs: 0)
        for step in 1...10 {
            unanswered.didWrite(unsent: 4_000_000 - step * 300_000, atNs: UInt64(step) * 200 * nsPerMs)
            #expect(judge(atMs: UInt64(step) * 200 + 199) == .none)
        }
        // Bytes of later commands do not count as progress: the socket of a stopped process accepts them, too.
        unanswered.didWrite(unsent: 500_000, atNs: 2_200 * nsPerMs)
        #expect(judge(atMs: 2_251) == .late)
        unanswered.didWrite(unsent: 0, atNs: 2_400 * nsPerMs)
        #expect(judge(atMs: 2_501) == .stalled)
    }

    @Test func aLongReplyIsProgressAndSingleBytesAreNot() {
        send(10, atMs: 0)
        unanswered.didWrite(unsent: 0, atNs: 0)
        for step in 1...10 {
            unanswered.didReceive(replyBytes: step * 100_000, atNs: UInt64(step) * 200 * nsPerMs)
            #expect(judge(atMs: UInt64(step) * 200 + 199) == .none)
        }
        for byte in 1...100 {
            unanswered.didReceive(replyBytes: 1_000_000 + byte, atNs: (2_000 + UInt64(byte) * 10) * nsPerMs)
        }
        #expect(judge(atMs: 2_501) == .stalled)
    }

    @Test func afterAnIdleTimeACommandIsJudgedFromWhenItWasSent() {
        send(10, atMs: 0)
        answerOldest(atMs: 1)
        send(10, atMs: 60_000)
        #expect(judge(atMs: 60_250) == .none)
        unanswered.didWrite(unsent: 0, atNs: 60_300 * nsPerMs)
        #expect(judge(atMs: 60_301) == .none, "this process was late, not the replica")
        #expect(judge(atMs: 60_200) == .none, "the time of progress may be later than that of the turn")
    }
}
