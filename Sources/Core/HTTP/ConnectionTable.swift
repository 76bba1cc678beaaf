import EventLoop
import Glibc

/// A client's connection, as far as the server's patience with it goes.
final class HTTPConnection {
    let descriptor: Int32
    /// When it was opened, last completed a request, or last took in an answer whole; on the reactor's clock.
    fileprivate(set) var progressNs: UInt64
    /// Waits for the handler: then the server is the slow one.
    var isWaiting = false
    fileprivate var index = 0
    private var bodyBytes = 0

    /// A body's every so many bytes count as progress, so that a long value may come over a slow line, at 1 KiB/s or so.
    private static let bodyStepBytes = 65_536

    init(descriptor: Int32, nowNs: UInt64) {
        self.descriptor = descriptor
        progressNs = nowNs
    }

    func progressed(atNs nowNs: UInt64) {
        progressNs = nowNs
        bodyBytes = 0
    }

    fileprivate var isClosedByClient: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
    }

    func received(bodyBytes count: Int, atNs nowNs: UInt64) {
        bodyBytes += count
        if bodyBytes >= Self.bodyStepBytes { progressed(atNs: nowNs) }
    }
}

/// All connections, and the end of those that hold a place without using it.
///
/// libmicrohttpd's own timeout starts anew with each byte, so a client that drips one a second could keep its place for
/// ever, and a few thousand of them keep everyone else out (the "slowloris" attack). Here what counts is a request or an
/// answer that became whole. Where places run short, patience is shorter, also with those who are merely idle.
final class ConnectionTable: Expirable {
    private let reactor: Reactor
    private let idleNs: UInt64
    private let crowdedIdleNs: UInt64
    private let crowdedCount: Int
    private var connections: [HTTPConnection] = []
    private(set) var isSettled = true
    /// Connections were shut down: libmicrohttpd has to run, and let go of them.
    var onShutDown: () -> Void = {}

    init(reactor: Reactor, settings: HTTPServerSettings) {
        self.reactor = reactor
        idleNs = UInt64(max(0, settings.idleTimeoutS)) * 1_000 * nsPerMs
        crowdedIdleNs = min(idleNs, settings.crowdedIdleTimeoutMs * nsPerMs)
        crowdedCount = settings.connectionLimit - settings.connectionLimit / 4
    }

    var count: Int { connections.count }

    func add(_ connection: HTTPConnection) {
        connection.index = connections.count
        connections.append(connection)
        guard isSettled else { return }
        isSettled = false
        scheduleLook()
    }

    func remove(_ connection: HTTPConnection) {
        let last = connections.removeLast()
        guard last !== connection else { return }
        connections[connection.index] = last
        last.index = connection.index
    }

    /// The server stops: nobody is looked at any more.
    func stop() { isSettled = true }

    private func scheduleLook() {
        reactor.schedule(self, atNs: reactor.nowNs + max(crowdedIdleNs / 4, nsPerMs))
    }

    /// Shut down, not closed: libmicrohttpd owns the descriptor, sees its end, and lets go of the connection.
    func expire() {
        let patienceNs = connections.count >= crowdedCount ? crowdedIdleNs : idleNs
        let nowNs = reactor.nowNs
        var isAnyShutDown = false
        for connection in connections where !connection.isWaiting {
            // An end that came in one packet with the request is not told again.
            guard nowNs &- connection.progressNs >= patienceNs || connection.isClosedByClient else { continue }
            shutdown(connection.descriptor, Int32(SHUT_RDWR))
            isAnyShutDown = true
        }
        if isAnyShutDown { onShutDown() }
        if connections.isEmpty { isSettled = true } else { scheduleLook() }
    }
}
