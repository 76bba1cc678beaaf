import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct ChannelTests {
    private func add(_ text: String, to channel: inout Channel, atNs nowNs: UInt64 = 0) {
        Array(text.utf8).withUnsafeBytes { channel.append($0, nowNs: nowNs) }
    }

    /// Sends everything that is ready.
    private func take(from channel: inout Channel, atNs nowNs: UInt64 = 0) -> String {
        var bytes: [UInt8] = []
        while channel.next(nowNs: nowNs) == .send {
            _ = channel.withFront {
                bytes += $0
                return $0.count
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func bytesKeepTheirOrderIfSentInPieces() {
        var channel = Channel()
        add("abc", to: &channel)
        add("def", to: &channel)
        var taken: [UInt8] = []
        while channel.next(nowNs: 0) == .send {
            _ = channel.withFront {
                taken.append($0[0])
                return 1
            }
        }
        #expect(String(decoding: taken, as: UTF8.self) == "abcdef")
        #expect(channel.bufferedBytes == 0)
    }

    @Test func heldBytesAreSentAfterTheHeal() {
        var channel = Channel()
        channel.isHeld = true
        add("late", to: &channel)
        channel.end(.finished, nowNs: 0)
        #expect(channel.next(nowNs: .max) == .nothing)
        channel.isHeld = false
        #expect(take(from: &channel) == "late")
        #expect(channel.next(nowNs: 0) == .finish)
    }

    @Test func aResetDiscardsHeldBytes() {
        var channel = Channel()
        channel.isHeld = true
        add("never", to: &channel)
        channel.end(.reset, nowNs: 0)
        channel.isHeld = false
        #expect(channel.next(nowNs: 0) == .reset)
    }

    @Test func aResetFollowsBytesThatAreNotHeld() {
        var channel = Channel()
        add("on its way", to: &channel)
        channel.end(.reset, nowNs: 0)
        #expect(take(from: &channel) == "on its way")
        #expect(channel.next(nowNs: 0) == .reset)
    }

    @Test func aDelayAppliesToBytesAndTheEnd() {
        var channel = Channel()
        channel.delayNs = 50
        add("x", to: &channel, atNs: 100)
        channel.end(.finished, nowNs: 120)
        #expect(channel.next(nowNs: 149) == .waitUntil(150))
        #expect(take(from: &channel, atNs: 150) == "x")
        #expect(channel.next(nowNs: 150) == .waitUntil(170))
        #expect(channel.next(nowNs: 170) == .finish)
    }

    @Test func aRemovedDelayHoldsNothingBack() {
        var channel = Channel()
        channel.delayNs = 1_000
        add("x", to: &channel, atNs: 100)
        channel.delayNs = 0
        #expect(take(from: &channel, atNs: 100) == "x")
    }

    @Test func sendingFreesCapacity() {
        var channel = Channel()
        channel.isHeld = true
        let chunk = [UInt8](repeating: 7, count: 64 << 10)
        while channel.roomBytes > 0 { chunk.withUnsafeBytes { channel.append($0, nowNs: 0) } }
        #expect(channel.bufferedBytes == Channel.capacityBytes)
        channel.isHeld = false
        _ = channel.withFront { _ in 1_000 }
        #expect(channel.roomBytes == 1_000)
    }

    @Test func aFinishedChannelDiscardsInput() {
        var channel = Channel()
        channel.finish()
        add("x", to: &channel)
        #expect(channel.bufferedBytes == 0)
        #expect(channel.next(nowNs: 0) == .nothing)
        #expect(!channel.isClear)
    }

    @Test func onlyAnEmptyHealthyChannelIsClear() {
        var channel = Channel()
        #expect(channel.isClear)
        channel.isHeld = true
        #expect(!channel.isClear)
        channel.isHeld = false
        channel.delayNs = 1
        #expect(!channel.isClear)
        channel.delayNs = 0
        add("x", to: &channel)
        #expect(!channel.isClear)
    }

    @Test func aThousandSmallChunksArriveInOrder() {
        var channel = Channel()
        channel.isHeld = true
        for number in 0..<1_000 { add("\(number) ", to: &channel) }
        channel.isHeld = false
        #expect(take(from: &channel) == (0..<1_000).map { "\($0) " }.joined())
    }
}
