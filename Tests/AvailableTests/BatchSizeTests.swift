import EventLoop
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct BatchSizeTests {
    private let quickNs = 1 * nsPerMs
    private let slowNs = 400 * nsPerMs

    private func size() -> BatchSize { BatchSize(maxBytes: 1 << 20, callTimeoutMs: 250) }

    @Test func batchesGrowToTheLimitOnAFastLink() {
        var size = size()
        #expect(size.bytes < 1 << 20)
        for _ in 0..<8 { size.arrived(tookNs: quickNs) }
        #expect(size.bytes == 1 << 20)
        #expect(size.records(atMost: 128) == 128)
    }

    @Test func failuresShrinkABatchToOneRecord() {
        var size = size()
        for _ in 0..<20 { size.failed() }
        #expect(size.records(atMost: 128) == 1)
        #expect(size.bytes > 0)
    }

    @Test func aBatchThatTakesLongDoesNotGrow() {
        var size = size()
        let start = size.bytes
        size.arrived(tookNs: 100 * nsPerMs)
        #expect(size.bytes == start)
        size.arrived(tookNs: slowNs)
        #expect(size.bytes < start)
    }

    @Test func aNewConnectionStartsWithASmallBatch() {
        var size = size()
        let start = size.bytes
        for _ in 0..<8 { size.arrived(tookNs: quickNs) }
        size.restart()
        #expect(size.bytes == start)
        size.failed()
        let small = size.bytes
        size.restart()
        #expect(size.bytes == small)
    }
}
