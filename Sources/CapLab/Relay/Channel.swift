/// One direction of one relayed connection, as a value: what came in at one end and may leave at the other.
///
/// Bytes keep their order, wait for their delay, and stay here while the direction is held. The end of the stream (FIN)
/// and a reset travel the same way, behind the bytes before them. It never holds more than ``capacityBytes``: the relay
/// stops reading, and TCP's flow control stops the sender.
struct Channel {
    enum Ending: Equatable {
        case finished, reset
    }

    enum Step: Equatable {
        /// Wait for input, or for the end of a hold.
        case nothing
        /// The next part is ready at this time (nanoseconds, monotonic).
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

    /// 1 MiB a direction and connection.
    static let capacityBytes = 1 << 20

    var isHeld = false
    var delayNs: UInt64 = 0

    private var chunks: [Chunk] = []
    private var first = 0
    private(set) var bufferedBytes = 0
    private var ending: Ending?
    private var endedNs: UInt64 = 0
    /// Set when the ending was passed on, or nobody is left to receive anything: what comes in is then thrown away.
    private(set) var isDone = false

    /// How many bytes may be appended now.
    var roomBytes: Int { ending == nil ? Self.capacityBytes - bufferedBytes : 0 }
    var hasEnded: Bool { ending != nil }
    /// Nothing stands between input and output at the moment, so that the caller may send without storing.
    var isClear: Bool { bufferedBytes == 0 && !isHeld && delayNs == 0 && ending == nil && !isDone }

    mutating func append(_ bytes: UnsafeRawBufferPointer, nowNs: UInt64) {
        guard !isDone, ending == nil, !bytes.isEmpty else { return }
        precondition(bytes.count <= roomBytes, "more was read than there is room for")
        chunks.append(Chunk(bytes: Array(bytes), arrivedNs: nowNs))
        bufferedBytes += bytes.count
    }

    /// The sender closed or reset its end. A reset takes with it what is held, as a kernel forgets what it has to resend.
    mutating func end(_ ending: Ending, nowNs: UInt64) {
        guard !isDone else { return }
        if ending == .reset, isHeld { clear() }
        guard self.ending == nil || ending == .reset else { return }
        self.ending = ending
        endedNs = nowNs
    }

    func next(nowNs: UInt64) -> Step {
        guard !isDone, !isHeld else { return .nothing }
        if first < chunks.count {
            let readyNs = chunks[first].arrivedNs &+ delayNs
            return readyNs <= nowNs ? .send : .waitUntil(readyNs)
        }
        guard let ending else { return .nothing }
        let readyNs = endedNs &+ delayNs
        if readyNs > nowNs { return .waitUntil(readyNs) }
        return ending == .finished ? .finish : .reset
    }

    /// Offers the first bytes to `send`, which answers how many of them it took; zero or less takes none.
    mutating func withFront(_ send: (UnsafeRawBufferPointer) -> Int) -> Int {
        guard first < chunks.count else { return 0 }
        let chunk = chunks[first]
        let count = chunk.bytes.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[chunk.sent...])) }
        guard count > 0 else { return count }
        bufferedBytes -= count
        chunks[first].sent += count
        if chunks[first].sent == chunk.bytes.count {
            first += 1
            // Moved together now and then, not at each chunk.
            if first == chunks.count || first >= 64 {
                chunks.removeFirst(first)
                first = 0
            }
        }
        return count
    }

    /// The ending was passed on, or there is nobody to pass anything on to.
    mutating func finish() {
        clear()
        isDone = true
    }

    private mutating func clear() {
        chunks.removeAll()
        first = 0
        bufferedBytes = 0
    }
}
