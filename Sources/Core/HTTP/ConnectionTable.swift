import EventLoop
import Glibc

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
        idleNs = UInt64(max(0, settings.connections.idleTimeoutS)) * 1_000 * nsPerMs
        crowdedIdleNs = min(idleNs, settings.connections.crowdedIdleTimeoutMs * nsPerMs)
        leastIdleNs = min(crowdedIdleNs, settings.connections.leastIdleMs * nsPerMs)
        share = FairShare(total: settings.connections.limit)
        scratch = [UInt8](repeating: 0, count: settings.buffers.connectionMemoryBytes)
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
            guard nowNs &- connection.progress.lastNs >= limitNs || isOver else { continue }
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
                && nowNs &- $0.progress.lastNs >= leastIdleNs
        }
        idle.sort { $0.progress.lastNs < $1.progress.lastNs }
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
