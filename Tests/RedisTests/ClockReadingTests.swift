import EventLoop
import Replication
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(20))) struct ClockReadingTests {
    private func reading(_ reply: Reply?, receivedMs: Int64 = 1_020, tookMs: UInt64 = 20) -> Int64? {
        ClockReading(reply, sentMs: 1_000, receivedMs: receivedMs, roundTripNs: tookMs * nsPerMs)?.offsetMs
    }

    private func time(_ seconds: String, _ microseconds: String) -> Reply {
        .array([.bulk(Bytes(seconds.utf8)), .bulk(Bytes(microseconds.utf8))])
    }

    @Test func theOffsetIsThatToTheMiddleOfTheRoundTrip() {
        #expect(reading(time("1", "10000")) == 0)
        #expect(reading(time("4", "510000")) == 3_500)
        #expect(reading(time("0", "10000")) == -1_000)
    }

    @Test func anInexactReadingIsNotUsed() {
        #expect(reading(time("1", "10000"), receivedMs: 1_300, tookMs: 300) == nil)
        #expect(reading(time("1", "10000"), receivedMs: 99_000) == nil, "this machine's clock was set meanwhile")
    }

    @Test(
        arguments: [
            nil, .error("NOPERM no"), .array([]), .array([.integer(1)]), .array([.integer(.max), .integer(0)]),
            .array([.integer(1), .integer(-1)]),
        ] as [Reply?])
    func anotherReplyIsNoReading(reply: Reply?) { #expect(reading(reply) == nil) }
}
