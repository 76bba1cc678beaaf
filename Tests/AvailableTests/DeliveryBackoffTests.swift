import EventLoop
import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct DeliveryBackoffTests {
    private let key = Bytes("ap:large".utf8)

    @Test func aRecordThatFailsPausesTwiceAsLongEachTimeUpToALimit() {
        var backoff = DeliveryBackoff(count: 2)
        #expect(!backoff.isPausing(key, to: 1, atNs: 0))
        var pausesMs: [UInt64] = []
        var nowMs: UInt64 = 0
        for _ in 0..<8 {
            backoff.failed(key, to: 1, atNs: nowMs * nsPerMs)
            let start = nowMs
            while nowMs < 600_000, backoff.isPausing(key, to: 1, atNs: nowMs * nsPerMs) { nowMs += 500 }
            pausesMs.append(nowMs - start)
        }
        #expect(pausesMs == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
        // The pauses of another target are separate.
        #expect(!backoff.isPausing(key, to: 0, atNs: 0))
    }

    @Test func aRecordThatArrivedStartsFromTheShortestPause() {
        var backoff = DeliveryBackoff(count: 1)
        backoff.failed(key, to: 0, atNs: 0)
        backoff.failed(key, to: 0, atNs: 0)
        backoff.arrived([key], at: 0)
        #expect(!backoff.isPausing(key, to: 0, atNs: 0))
        backoff.failed(key, to: 0, atNs: 0)
        #expect(!backoff.isPausing(key, to: 0, atNs: 1_000 * nsPerMs))
    }

    @Test func aNewConnectionEndsAllPauses() {
        var backoff = DeliveryBackoff(count: 1)
        backoff.failed(key, to: 0, atNs: 0)
        backoff.restart(0)
        #expect(!backoff.isPausing(key, to: 0, atNs: 0))
    }

    @Test func aForeignKeyIsToldFromARecordThatIsTooLarge() {
        var backoff = DeliveryBackoff(count: 1)
        backoff.failed(key, to: 0, atNs: 0)
        #expect(!backoff.isForeign(key, to: 0, atNs: 0))
        backoff.failed(key, to: 0, atNs: 0, isForeign: true)
        #expect(backoff.isForeign(key, to: 0, atNs: 0))
        #expect(!backoff.isForeign(key, to: 0, atNs: 2_000 * nsPerMs))
    }

    @Test func pausesThatHaveEndedMakeRoomForOthers() {
        var backoff = DeliveryBackoff(count: 1)
        for index in 0..<5_000 { backoff.failed(Bytes("ap:\(index)".utf8), to: 0, atNs: 0) }
        backoff.failed(key, to: 0, atNs: 0)
        #expect(!backoff.isPausing(key, to: 0, atNs: 0))
        backoff.failed(key, to: 0, atNs: 2_000 * nsPerMs)
        #expect(backoff.isPausing(key, to: 0, atNs: 2_500 * nsPerMs))
    }
}
