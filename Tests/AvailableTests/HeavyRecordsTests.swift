import EventLoop
import Replication
import Testing

@testable import Available

@Suite struct HeavyRecordsTests {
    private let key = Bytes("ap:large".utf8)

    @Test func oneThatFailedRestsTwiceAsLongEachTimeAndNotForEver() {
        var heavy = HeavyRecords(count: 2)
        #expect(!heavy.isResting(key, to: 1, atNs: 0))
        var restsMs: [UInt64] = []
        var nowMs: UInt64 = 0
        for _ in 0..<8 {
            heavy.failed(key, to: 1, atNs: nowMs * nsPerMs)
            let start = nowMs
            while heavy.isResting(key, to: 1, atNs: nowMs * nsPerMs) { nowMs += 500 }
            restsMs.append(nowMs - start)
        }
        #expect(restsMs == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
        // Another target has its own way.
        #expect(!heavy.isResting(key, to: 0, atNs: 0))
    }

    @Test func oneThatArrivedIsLikeAnyOther() {
        var heavy = HeavyRecords(count: 1)
        heavy.failed(key, to: 0, atNs: 0)
        heavy.failed(key, to: 0, atNs: 0)
        heavy.arrived([key], at: 0)
        #expect(!heavy.isResting(key, to: 0, atNs: 0))
        heavy.failed(key, to: 0, atNs: 0)
        #expect(!heavy.isResting(key, to: 0, atNs: 1_000 * nsPerMs))
    }

    @Test func thoseThatNobodyTriesAnyMoreMakeRoomForOthers() {
        var heavy = HeavyRecords(count: 1)
        for index in 0..<5_000 { heavy.failed(Bytes("ap:\(index)".utf8), to: 0, atNs: 0) }
        heavy.failed(key, to: 0, atNs: 0)
        #expect(!heavy.isResting(key, to: 0, atNs: 0))
        heavy.failed(key, to: 0, atNs: 2_000 * nsPerMs)
        #expect(heavy.isResting(key, to: 0, atNs: 2_500 * nsPerMs))
    }
}
