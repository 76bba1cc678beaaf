import EventLoop
import Glibc
import Redis

/// Starts connections to one node. Resolves a host name for each connection, because a container may get another
/// address when it restarts.
final class Connector {
    private let address: NodeAddress
    private let reactor: Reactor
    private let resolver: Resolver

    init(_ address: NodeAddress, on reactor: Reactor) {
        self.address = address
        self.reactor = reactor
        resolver = Resolver(host: address.host, reactor: reactor, lookUp: Resolver.system)
    }

    /// - Parameter timeoutMs: the longest wait for a name server, in milliseconds.
    /// - Returns: the socket of a connection attempt; nil if the name has no address now, or if the attempt failed at
    ///   once. The connection is established once the socket is writable without an error.
    func connect(timeoutMs: UInt64) async -> Int32? {
        let addresses = await resolve(timeoutMs: timeoutMs)
        // Prefer IPv4: few machines and containers have a working IPv6 route.
        guard let literal = addresses.first(where: { !$0.contains(":") }) ?? addresses.first else { return nil }
        return try? Sockets.connect(to: literal, port: address.port)
    }

    private func resolve(timeoutMs: UInt64) async -> [String] {
        await withUnsafeContinuation { continuation in
            let timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) { [resolver] in
                resolver.cancel()
                continuation.resume(returning: [])
            }
            resolver.resolve { addresses in
                timer.cancel()
                continuation.resume(returning: addresses)
            }
        }
    }
}
