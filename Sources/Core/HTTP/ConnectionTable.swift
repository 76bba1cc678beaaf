import EventLoop
import Glibc

/// A client's connection and its progress, which decides when it is closed as idle.
final class HTTPConnection {
    let descriptor: Int32
    /// When it was opened, or last completed a request or a response; on the reactor's clock.
    fileprivate(set) var progressNs: UInt64
    /// The request that waits for its handler: the server is slow, not the client.
    var waiting: Exchange?
    /// A request was answered before the client had sent everything.
    var wasAnsweredEarly = false
    private var bodyBytes = 0

    /// Every 64 KiB of a body count as progress, so that a long value may arrive at about 1 KiB/s.
    private static let bodyStepBytes = 65_536

    init(descriptor: Int32, nowNs: UInt64) {
        self.descriptor = descriptor
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

    /// There is, or may come, input that nobody has read; see ``LingeringClose``.
    var mustLinger: Bool { wasAnsweredEarly || peek() > 0 }

    fileprivate var isClosedByClient: Bool { peek() == 0 }

    /// The number of bytes to read, at most 1; 0 at the end of the stream, -1 where nothing has arrived.
    private func peek() -> Int {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    }
}

/// All connections. Closes those that make no progress.
///
/// libmicrohttpd's own timeout restarts with each byte, so a few thousand clients that send one byte per second could
/// use up all connections (the "slowloris" attack). Here only complete requests and responses count. If few connections
/// are free, idle ones are closed sooner.
final class ConnectionTable: Expirable {
    private let reactor: Reactor
    private let idleNs: UInt64
    private let crowdedIdleNs: UInt64
    private let crowdedCount: Int
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private(set) var isSettled = true
    /// Called after connections were shut down: libmicrohttpd must run to release them.
    var onShutDown: () -> Void = {}

    init(reactor: Reactor, settings: HTTPServerSettings) {
        self.reactor = reactor
        idleNs = UInt64(max(0, settings.idleTimeoutS)) * 1_000 * nsPerMs
        crowdedIdleNs = min(idleNs, settings.crowdedIdleTimeoutMs * nsPerMs)
        crowdedCount = settings.connectionLimit - settings.connectionLimit / 4
    }

    var count: Int { connections.count }
    var waitingExchanges: [Exchange] { connections.values.compactMap(\.waiting) }

    func add(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = connection
        guard isSettled else { return }
        isSettled = false
        scheduleLook()
    }

    func remove(_ connection: HTTPConnection) { connections[ObjectIdentifier(connection)] = nil }

    private func scheduleLook() {
        reactor.schedule(self, atNs: reactor.nowNs + max(crowdedIdleNs / 4, nsPerMs))
    }

    /// Shuts down instead of closing: libmicrohttpd owns the descriptor, detects the end and releases the connection.
    func expire() {
        let limitNs = connections.count >= crowdedCount ? crowdedIdleNs : idleNs
        let nowNs = reactor.nowNs
        var isAnyShutDown = false
        for connection in connections.values where connection.waiting == nil {
            // epoll does not report an end of stream that arrived together with the request.
            guard nowNs &- connection.progressNs >= limitNs || connection.isClosedByClient else { continue }
            shutdown(connection.descriptor, Int32(SHUT_RDWR))
            isAnyShutDown = true
        }
        if isAnyShutDown { onShutDown() }
        if connections.isEmpty { isSettled = true } else { scheduleLook() }
    }
}
