import DequeModule

/// One direction of a relayed connection: the bytes on their way from one socket to the other.
///
/// Bytes keep their order. They are delayed by ``delayNs``, and stay here while a fault holds the direction. The end of
/// the stream (FIN) is forwarded after these bytes. A reset is forwarded after delayed bytes, but discards held bytes.
/// The channel holds at most ``capacityBytes``. When it is full, the relay stops reading, and TCP's flow control stops
/// the sender.
struct Channel {
    enum Ending: Equatable {
        case finished, reset
    }

    enum Step: Equatable {
        /// Nothing can be sent until more input arrives or the fault is healed.
        case nothing
        /// The next bytes are ready at this time, in monotonic nanoseconds.
        case waitUntil(UInt64)
        /// Bytes are ready to be sent, see ``withFront(_:)``.
        case send
        /// The sender has closed the stream: close it towards the receiver.
        case finish
        case reset
    }

    private struct Chunk {
        let bytes: [UInt8]
        let arrivedNs: UInt64
        var sent = 0
    }

    /// The most bytes that are buffered: 1 MiB per direction and connection.
    static let capacityBytes = 1 << 20

    var isHeld = false
    var delayNs: UInt64 = 0

    private var chunks: Deque<Chunk> = []
    private(set) var bufferedBytes = 0
    private var ending: Ending?
    private var endedNs: UInt64 = 0
    /// True if the end was forwarded, or if there is no longer a receiver. Further input is discarded.
    private(set) var isDone = false

    /// How many more bytes may be appended now.
    var roomBytes: Int { ending == nil ? Self.capacityBytes - bufferedBytes : 0 }
    var hasEnded: Bool { ending != nil }
    /// True if no bytes are buffered, held or delayed, so that new bytes may be sent without storing them first.
    var isClear: Bool { bufferedBytes == 0 && !isHeld && delayNs == 0 && ending == nil && !isDone }

    mutating func append(_ bytes: UnsafeRawBufferPointer, nowNs: UInt64) {
        guard !isDone, ending == nil, !bytes.isEmpty else { return }
        precondition(bytes.count <= roomBytes, "more was read than there is room for")
        chunks.append(Chunk(bytes: Array(bytes), arrivedNs: nowNs))
        bufferedBytes += bytes.count
    }

    /// Called when the sender has closed or reset its end. A reset discards held bytes, as a kernel would discard bytes
    /// that it still has to retransmit.
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

    /// Passes the first bytes to `send`, which returns how many of them the kernel accepted; zero or less means none.
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

    /// Called when the end was forwarded, or when there is no longer a receiver.
    mutating func finish() {
        clear()
        isDone = true
    }

    private mutating func clear() {
        chunks = []
        bufferedBytes = 0
    }
}
