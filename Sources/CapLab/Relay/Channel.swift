import DequeModule

/// One direction of a relayed connection: the bytes between its two sockets.
///
/// Bytes keep their order, wait for their delay, and stay here while the direction is held. The end of the stream (FIN)
/// and a reset follow the bytes before them. It never holds more than ``capacityBytes``: the relay stops reading, and
/// TCP's flow control stops the sender.
struct Channel {
    enum Ending: Equatable {
        case finished, reset
    }

    enum Step: Equatable {
        /// Wait for input or for the heal.
        case nothing
        /// The next chunk is ready at this time (monotonic nanoseconds).
        case waitUntil(UInt64)
        /// Bytes are ready, see ``withFront(_:)``.
        case send
        /// The stream ends here.
        case finish
        case reset
    }

    private struct Chunk {
        let bytes: [UInt8]
        let arrivedNs: UInt64
        var sent = 0
    }

    /// 1 MiB per direction and connection.
    static let capacityBytes = 1 << 20

    var isHeld = false
    var delayNs: UInt64 = 0

    private var chunks: Deque<Chunk> = []
    private(set) var bufferedBytes = 0
    private var ending: Ending?
    private var endedNs: UInt64 = 0
    /// The ending was forwarded, or no receiver is left: input is discarded.
    private(set) var isDone = false

    /// How many bytes may be appended now.
    var roomBytes: Int { ending == nil ? Self.capacityBytes - bufferedBytes : 0 }
    var hasEnded: Bool { ending != nil }
    /// Nothing is buffered, held or delayed, so the caller may send without storing.
    var isClear: Bool { bufferedBytes == 0 && !isHeld && delayNs == 0 && ending == nil && !isDone }

    mutating func append(_ bytes: UnsafeRawBufferPointer, nowNs: UInt64) {
        guard !isDone, ending == nil, !bytes.isEmpty else { return }
        precondition(bytes.count <= roomBytes, "more was read than there is room for")
        chunks.append(Chunk(bytes: Array(bytes), arrivedNs: nowNs))
        bufferedBytes += bytes.count
    }

    /// The sender closed or reset its end. A reset discards held bytes, as a kernel discards what it would retransmit.
    mutating func end(_ ending: Ending, nowNs: UInt64) {
        guard !isDone else { return }
        if ending == .reset, isHeld { clear() }
        guard self.ending == nil || ending == .reset else { return }
        self.ending = ending
        endedNs = nowNs
    }

    func next(nowNs: UInt64) -> Step {
        guard !isDone, !isHeld else { return .nothing }
        if let chunk = chunks.first {
            let readyNs = chunk.arrivedNs &+ delayNs
            return readyNs <= nowNs ? .send : .waitUntil(readyNs)
        }
        guard let ending else { return .nothing }
        let readyNs = endedNs &+ delayNs
        if readyNs > nowNs { return .waitUntil(readyNs) }
        return ending == .finished ? .finish : .reset
    }

    /// Passes the first bytes to `send`, which returns how many it accepted; zero or less: none.
    mutating func withFront(_ send: (UnsafeRawBufferPointer) -> Int) -> Int {
        guard let chunk = chunks.first else { return 0 }
        let count = chunk.bytes.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[chunk.sent...])) }
        guard count > 0 else { return count }
        bufferedBytes -= count
        if chunk.sent + count == chunk.bytes.count {
            chunks.removeFirst()
        } else {
            chunks[0].sent += count
        }
        return count
    }

    /// The ending was forwarded, or no receiver is left.
    mutating func finish() {
        clear()
        isDone = true
    }

    private mutating func clear() {
        chunks = []
        bufferedBytes = 0
    }
}
