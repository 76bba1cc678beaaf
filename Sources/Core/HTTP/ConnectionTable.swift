import CGnuTLS
import EventLoop
import Glibc

/// All connections. Closes those that make no progress.
///
/// libmicrohttpd's own timeout restarts with each byte, so a few thousand clients that send one byte per second could
/// use up all connections (the "slowloris" attack). Here only complete requests and responses count, and every 64 KiB
/// of long ones. If few connections are free, idle ones are closed sooner. If none is free, the longest idle ones are
/// closed.
final class ConnectionTable: Expirable {
    private let reactor: Reactor
    private let idleNs: UInt64
    private let crowdedIdleNs: UInt64
    private let leastIdleNs: UInt64
    private let handshakeNs: UInt64
    private var connections: [Int32: HTTPConnection] = [:]
    private var share: FairShare
    /// Buffer for input that ``RequestSplitter`` has not checked yet.
    private var scratch: [UInt8]
    private(set) var isSettled = true
    /// Called after connections were shut down: libmicrohttpd must run to release them.
    var onShutDown: () -> Void = {}

    init(reactor: Reactor, settings: HTTPServerSettings) {
        self.reactor = reactor
        idleNs = UInt64(max(0, settings.connections.idleTimeoutS)) * 1_000 * nsPerMs
        crowdedIdleNs = min(idleNs, settings.connections.crowdedIdleTimeoutMs * nsPerMs)
        leastIdleNs = min(crowdedIdleNs, settings.connections.leastIdleMs * nsPerMs)
        handshakeNs = settings.connections.handshakeTimeoutMs * nsPerMs
        share = FairShare(total: settings.connections.limit)
        scratch = [UInt8](repeating: 0, count: settings.buffers.connectionMemoryBytes)
    }

    subscript(descriptor: Int32) -> HTTPConnection? { connections[descriptor] }
    var count: Int { connections.count }
    var hasRoom: Bool { share.used < share.total }
    func hasRoom(for client: ClientAddress) -> Bool { share.fits(1, for: client) }
    var waitingExchanges: [Exchange] { connections.values.compactMap(\.waiting) }
    var handshaking: [HTTPConnection] { connections.values.filter { $0.tls?.isHandshaking == true } }
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
        guard let connection = connections[descriptor] else { return -1 }
        if let tls = connection.tls { return tls.receiveRaw(into: buffer) }
        return scratch.withUnsafeMutableBytes { connection.receive(into: buffer, by: $0) }
    }

    /// - Returns: as gnutls_record_recv(3).
    func receiveRecord(from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let connection = connections[descriptor], let tls = connection.tls else {
            return Int(GNUTLS_E_INVALID_SESSION)
        }
        return scratch.withUnsafeMutableBytes { connection.receive(from: tls, into: buffer, by: $0) }
    }

    private func scheduleLook() {
        reactor.schedule(self, atNs: reactor.nowNs + lookIntervalNs)
    }

    private var lookIntervalNs: UInt64 { max(min(crowdedIdleNs, handshakeNs) / 4, nsPerMs) }

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
            // Look for the end of the input, because epoll does not report an end that arrived together with the
            // request. A client that has closed only its sending side still receives its response, unless the response
            // is a stream.
            let isOver =
                connection.stream != nil ? connection.isLost : !connection.isResponding && connection.isClosedByClient
            // Close it one interval of these checks early, so that no handshake exceeds its limit.
            let isTooSlow =
                connection.tls?.isHandshaking == true
                && nowNs &- connection.progress.lastNs + lookIntervalNs >= handshakeNs
            guard nowNs &- connection.progress.lastNs >= limitNs || isOver || isTooSlow else { continue }
            shutDown(connection, .timeout)
            isAnyShutDown = true
        }
        if isAnyShutDown { onShutDown() }
        if connections.isEmpty { isSettled = true } else { scheduleLook() }
    }

    /// Closes the longest idle connections, of `client` or of all. It closes one sixteenth, rounded up, of those that
    /// have been idle for at least `leastIdleNs`. So one search makes room for several new connections. The caller must
    /// run libmicrohttpd, which releases them.
    /// - Parameter ifHandshaking: closes only connections in a TLS handshake.
    /// - Returns: the number of closed connections.
    func closeLongestIdle(of client: ClientAddress?, ifHandshaking: Bool = false) -> Int {
        let nowNs = reactor.nowNs
        var idle = connections.values.filter {
            !$0.isShutDown && $0.waiting == nil && (client == nil || $0.address == client)
                && nowNs &- $0.progress.lastNs >= leastIdleNs && (!ifHandshaking || $0.tls?.isHandshaking == true)
        }
        idle.sort { $0.progress.lastNs < $1.progress.lastNs }
        let victims = idle.prefix((idle.count + 15) / 16)
        for connection in victims { shutDown(connection, .dropped) }
        return victims.count
    }

    /// Ends TLS on every connection that is not in the middle of a response.
    func endTLS() { connections.values.forEach(endTLS) }

    private func endTLS(of connection: HTTPConnection) {
        if !connection.isResponding { connection.tls?.sayGoodbye() }
    }

    /// Shuts down instead of closing: libmicrohttpd owns the descriptor, detects the end and releases the connection.
    /// - Parameter result: the result of the TLS handshake, if one is in progress.
    private func shutDown(_ connection: HTTPConnection, _ result: HandshakeResult) {
        connection.isShutDown = true
        connection.tls?.abandon(result)
        endTLS(of: connection)
        connection.stream?.abort()
        shutdown(connection.descriptor, Int32(SHUT_RDWR))
    }
}
