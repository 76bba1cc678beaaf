import CMicroHTTPD
import CReceive
import EventLoop
import Glibc

/// A client's connection and its progress, which decides when it is closed as idle.
final class HTTPConnection {
    let descriptor: Int32
    let address: ClientAddress
    /// When it was opened, or last completed a request or a response; on the reactor's clock.
    fileprivate(set) var progressNs: UInt64
    /// The request that waits for its handler: the server is slow, not the client.
    var waiting: Exchange?
    /// A response is being sent.
    var isResponding = false
    /// The response that is being sent has no known end.
    var stream: ResponseStream?
    /// A request was answered before the client had sent everything.
    var wasAnsweredEarly = false
    /// It was closed as idle.
    fileprivate var isShutDown = false
    /// What the client sends, on its way to libmicrohttpd.
    var input: RequestStream
    private var bodyBytes = 0
    private var acknowledgedBytes: UInt64 = 0
    /// A stream makes progress when the client has acknowledged this much of it.
    private var streamGoalBytes: UInt64 = 0

    /// Every 64 KiB of a body count as progress, so that a long value may be sent or read at about 1 KiB/s.
    private static let bodyStepBytes = 65_536

    init(descriptor: Int32, address: ClientAddress, maxHeadBytes: Int, nowNs: UInt64) {
        self.descriptor = descriptor
        self.address = address
        input = RequestStream(maxHeadBytes: maxHeadBytes)
        progressNs = nowNs
    }

    func progressed(atNs nowNs: UInt64) {
        progressNs = nowNs
        bodyBytes = 0
    }

    func received(bodyBytes count: Int, atNs nowNs: UInt64) {
        bodyBytes += count
        if bodyBytes >= Self.bodyStepBytes { progressed(atNs: nowNs) }
    }

    /// A client that reads a long response slowly makes progress, which the kernel knows.
    fileprivate func countAcknowledged(atNs nowNs: UInt64) {
        let total = cmhd_acknowledged_bytes(descriptor)
        guard total >= acknowledgedBytes + UInt64(Self.bodyStepBytes) else { return }
        acknowledgedBytes = total
        progressed(atNs: nowNs)
    }

    /// A stream may be silent for long. Its client makes progress by acknowledging what had been written at the last
    /// look.
    fileprivate func countStreamed(atNs nowNs: UInt64) {
        let total = cmhd_acknowledged_bytes(descriptor)
        guard total >= streamGoalBytes else { return }
        streamGoalBytes = total + cmhd_unacknowledged_bytes(descriptor)
        progressed(atNs: nowNs)
    }

    /// There is, or may come, input that nobody has read; see ``LingeringClose``.
    var mustLinger: Bool { !isShutDown && (wasAnsweredEarly || peek() > 0) }

    fileprivate var isClosedByClient: Bool { peek() == 0 }

    /// The client closed or reset the connection. libmicrohttpd does not notice that while a stream is suspended.
    fileprivate var isLost: Bool {
        let count = peek()
        return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
    }

    /// Reads for libmicrohttpd what ``input`` passes on.
    /// - Returns: as recv(2).
    func receive(into buffer: UnsafeMutableRawBufferPointer, by scratch: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while true {
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            guard filled < buffer.count, !input.hasFailed else { break }
            // Not more than there is room for: the rest stays in the kernel's buffer, outside of this server's memory.
            let wanted = min(buffer.count - filled, scratch.count)
            let count = creceive(descriptor, scratch.baseAddress, wanted, 0)
            guard count > 0 else { return filled > 0 ? filled : count }
            input.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            // libmicrohttpd takes a short read for the end of what there is, so the kernel's must be empty too.
            guard count < wanted else { continue }
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            break
        }
        if filled == 0 { errno = EAGAIN }
        return filled > 0 ? filled : -1
    }

    /// The number of bytes to read, at most 1; 0 at the end of the stream, -1 where nothing has arrived.
    private func peek() -> Int {
        var byte: UInt8 = 0
        return creceive(descriptor, &byte, 1, Int32(MSG_PEEK))
    }
}

/// All connections. Closes those that make no progress.
///
/// libmicrohttpd's own timeout restarts with each byte, so a few thousand clients that send one byte per second could
/// use up all connections (the "slowloris" attack). Here only complete requests and responses, and long parts of them,
/// count. If few connections are free, idle ones are closed sooner; if none is free, the longest idle ones are closed.
final class ConnectionTable: Expirable {
    private let reactor: Reactor
    private let idleNs: UInt64
    private let crowdedIdleNs: UInt64
    private let leastIdleNs: UInt64
    private var connections: [Int32: HTTPConnection] = [:]
    private var share: FairShare
    /// For input on its way to libmicrohttpd.
    private var scratch: [UInt8]
    private(set) var isSettled = true
    /// Called after connections were shut down: libmicrohttpd must run to release them.
    var onShutDown: () -> Void = {}

    init(reactor: Reactor, settings: HTTPServerSettings) {
        self.reactor = reactor
        idleNs = UInt64(max(0, settings.idleTimeoutS)) * 1_000 * nsPerMs
        crowdedIdleNs = min(idleNs, settings.crowdedIdleTimeoutMs * nsPerMs)
        leastIdleNs = min(crowdedIdleNs, settings.leastIdleMs * nsPerMs)
        share = FairShare(total: settings.connectionLimit)
        scratch = [UInt8](repeating: 0, count: settings.connectionMemoryBytes)
    }

    subscript(descriptor: Int32) -> HTTPConnection? { connections[descriptor] }
    var count: Int { connections.count }
    var hasRoom: Bool { share.used < share.total }
    func hasRoom(for client: ClientAddress) -> Bool { share.fits(1, for: client) }
    var waitingExchanges: [Exchange] { connections.values.compactMap(\.waiting) }
    var streams: [ResponseStream] { connections.values.compactMap(\.stream) }

    func add(_ connection: HTTPConnection) {
        connections[connection.descriptor] = connection
        share.take(1, for: connection.address)
        guard isSettled else { return }
        isSettled = false
        scheduleLook()
    }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
        share.release(1, for: connection.address)
    }

    /// - Returns: as recv(2).
    func receive(from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        errno = EBADF
        return scratch.withUnsafeMutableBytes { connections[descriptor]?.receive(into: buffer, by: $0) ?? -1 }
    }

    private func scheduleLook() {
        reactor.schedule(self, atNs: reactor.nowNs + max(crowdedIdleNs / 4, nsPerMs))
    }

    func expire() {
        let isCrowded = share.used >= share.total - share.total / 4
        let limitNs = isCrowded ? crowdedIdleNs : idleNs
        let nowNs = reactor.nowNs
        var isAnyShutDown = false
        for connection in connections.values where connection.waiting == nil {
            if connection.stream != nil {
                connection.countStreamed(atNs: nowNs)
            } else if connection.isResponding {
                connection.countAcknowledged(atNs: nowNs)
            }
            // epoll does not report an end of stream that arrived together with the request. A client that is half
            // closed still reads its response, unless that has no end.
            let isOver =
                connection.stream != nil ? connection.isLost : !connection.isResponding && connection.isClosedByClient
            guard nowNs &- connection.progressNs >= limitNs || isOver else { continue }
            shutDown(connection)
            isAnyShutDown = true
        }
        if isAnyShutDown { onShutDown() }
        if connections.isEmpty { isSettled = true } else { scheduleLook() }
    }

    /// Closes the longest idle connections, of `client` or of all: a sixteenth of those that are idle, so that a search
    /// serves several newcomers. The caller runs libmicrohttpd, which releases them.
    /// - Returns: how many.
    func closeLongestIdle(of client: ClientAddress?) -> Int {
        let nowNs = reactor.nowNs
        var idle = connections.values.filter {
            !$0.isShutDown && $0.waiting == nil && (client == nil || $0.address == client)
                && nowNs &- $0.progressNs >= leastIdleNs
        }
        idle.sort { $0.progressNs < $1.progressNs }
        let victims = idle.prefix((idle.count + 15) / 16)
        for connection in victims { shutDown(connection) }
        return victims.count
    }

    /// Shuts down instead of closing: libmicrohttpd owns the descriptor, detects the end and releases the connection.
    private func shutDown(_ connection: HTTPConnection) {
        connection.isShutDown = true
        connection.stream?.abort()
        shutdown(connection.descriptor, Int32(SHUT_RDWR))
    }
}
