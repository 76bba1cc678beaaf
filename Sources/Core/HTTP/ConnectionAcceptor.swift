import CMicroHTTPD
import EventLoop
import Glibc

/// The limit because of which the server closed or refused connections.
public enum ConnectionLimit: String, CaseIterable, Sendable {
    /// The connection limit was reached: the longest idle connections were closed.
    case total
    /// A client address reached its share of the connections: its longest idle ones were closed.
    case address
    /// A new connection was refused. Its client address had reached its share of the connections or of the TLS
    /// handshakes, and none of them could be closed. Without TLS, the client got 503 `overloaded`.
    case refused
    /// A client address reached its share of the TLS handshakes: its oldest ones were closed.
    case handshakes
    /// The kernel had no descriptor or memory for a new connection: the longest idle connections were closed.
    case descriptors
}

/// Accepts connections within ``HTTPServerSettings/Connections/limit`` and each client address's share of it.
///
/// libmicrohttpd does not accept connections itself, because at its limit it would stop accepting until one closes.
final class ConnectionAcceptor: DescriptorHandler, Expirable {
    private static let maxAcceptsATurn = 64
    private static let pauseNs = 20 * nsPerMs

    private let descriptor: Int32
    private unowned let server: HTTPServer
    private var isPaused = false
    private var isClosed = false

    init(descriptor: Int32, server: HTTPServer) {
        self.descriptor = descriptor
        self.server = server
    }

    private func watch() { server.reactor.watch(descriptor, events: EPOLLIN.rawValue, handler: self) }

    func start() { watch() }

    /// Closes the listening socket. Closing resets the connections in the kernel's queue, so up to 64 of them are
    /// accepted first. Within a callback of libmicrohttpd, none are accepted, because it cannot add connections there.
    func close() {
        guard !isClosed else { return }
        if !server.runState.isRunning { accept() }
        isClosed = true
        server.reactor.unwatch(descriptor)
        Glibc.close(descriptor)
    }

    func ready(events: UInt32) { accept() }

    private func accept() {
        for _ in 0..<Self.maxAcceptsATurn {
            guard server.connections.hasRoom || server.makeRoom(because: .total) else { return pause() }
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let accepted = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    let accepted = Glibc.accept(descriptor, address, &length)
                    if accepted >= 0 { server.take(accepted, from: address, length) }
                    return accepted
                }
            }
            guard accepted < 0 else { continue }
            switch errno {
            case EAGAIN: return
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                _ = server.makeRoom(because: .descriptors)
                return pause()
            default: continue  // Such as a client that has already disconnected.
            }
        }
    }

    // MARK: A pause, in which new connections wait in the kernel's queue

    var isSettled: Bool { !isPaused || isClosed }

    private func pause() {
        guard !isPaused, !isClosed else { return }
        isPaused = true
        server.reactor.unwatch(descriptor)
        server.reactor.schedule(self, atNs: server.reactor.nowNs + Self.pauseNs)
    }

    func expire() {
        isPaused = false
        watch()
    }
}

extension HTTPServer {
    /// Closes the longest idle connections, of `client` or of all.
    /// - Returns: false if none has been idle long enough to be closed.
    func makeRoom(because limit: ConnectionLimit, for client: ClientAddress? = nil) -> Bool {
        let count = connections.closeLongestIdle(of: client, ifHandshaking: limit == .handshakes)
        if count > 0 {
            onConnectionLimit?(limit, count)
            run()
        }
        return count > 0
    }

    /// Passes an accepted connection to libmicrohttpd, or refuses it.
    fileprivate func take(_ descriptor: Int32, from address: UnsafeMutablePointer<sockaddr>, _ length: socklen_t) {
        let peer = IPAddress(address)
        let client = ClientAddress(peer)
        let isTrusted = settings.trustedProxies.contains(peer)
        guard isTrusted || connections.hasRoom(for: client) || makeRoom(because: .address, for: client) else {
            if handshakes == nil {
                Problem.overloaded("too many connections from one address").response.send(to: descriptor)
            }
            return refuse(descriptor)
        }
        if let handshakes {
            guard isTrusted || hasRoom(for: client, in: handshakes) else {
                onHandshake?(.refused)
                return refuse(descriptor)
            }
        }
        guard let daemon, MHD_add_connection(daemon, descriptor, address, length) == .YES else { return }
        runState.isNeeded = true
    }

    /// Closes stalled handshakes if there is no room: those of `client`, or those of all if it has none itself.
    /// Otherwise a few addresses that begin handshakes and never finish them could keep everybody else out.
    private func hasRoom(for client: ClientAddress, in handshakes: TLSHandshakes) -> Bool {
        if handshakes.hasRoom(for: client) { return true }
        return makeRoom(because: .handshakes, for: handshakes.holdsAny(client) ? client : nil)
    }

    private func refuse(_ descriptor: Int32) {
        onConnectionLimit?(.refused, 1)
        close(descriptor)
    }
}
