/// Settings of an ``HTTPServer``.
public struct HTTPServerSettings: Sendable {
    /// An IPv4 or IPv6 address, or a name that is resolved once at the start. `::` includes IPv4.
    public var host: String
    /// 0 for any free port; see ``HTTPServer/boundPort``.
    public var port: UInt16
    /// Nil for no TLS.
    public var tls: TLSCredentials?

    public var connections = Connections()
    public var buffers = Buffers()
    public var requests = Requests()
    /// Proxies that name the client of each request in `X-Forwarded-For`.
    public var trustedProxies = TrustedProxies()

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

extension HTTPServerSettings {
    /// The limit of connections, and when an idle one is closed.
    public struct Connections: Sendable {
        /// The most simultaneous connections. One client address gets half of them if it is alone; see ``FairShare``. A
        /// trusted proxy may use all of them, because it has many clients. At either limit, the longest idle
        /// connections are closed for new ones.
        public var limit = 4_096
        /// Seconds without progress after which a connection is closed. Progress is a complete request or response, or
        /// 64 KiB of a long one. The time in a handler does not count.
        public var idleTimeoutS = 60
        /// The idle timeout, in milliseconds, while at least three quarters of ``limit`` are open.
        public var crowdedIdleTimeoutMs: UInt64 = 5_000
        /// Milliseconds without progress after which a connection may be closed to make room for a new one.
        public var leastIdleMs: UInt64 = 500
        /// Milliseconds within which a TLS handshake must be complete; otherwise the connection is closed. At most a
        /// quarter of ``limit`` may be in a handshake, except for connections of trusted proxies.
        public var handshakeTimeoutMs: UInt64 = 10_000
    }

    /// Limits of what is held in memory, in bytes.
    public struct Buffers: Sendable {
        /// The greatest length of the request line with all header fields. A longer request line gets 414, and longer
        /// header fields get 431.
        public var maxHeadBytes = 8_192
        /// The size of libmicrohttpd's buffer for one connection. It must hold a response header; a body is read in
        /// parts of half its size. libmicrohttpd clears it for each request, so a larger one costs time.
        public var connectionMemoryBytes = 8_192
        /// The most bytes of buffered request bodies, of all connections. A request that exceeds it, or the fair share
        /// of its client address, gets 503 `overloaded`.
        public var maxTotalBodyBytes = 64 << 20
        /// The most bytes of long responses (see ``HTTPServer/longResponseBytes``) that clients have not received, of
        /// all connections. A read that exceeds it, or the fair share of its client address, gets 503 `overloaded`.
        /// Otherwise clients that do not read could use up all memory.
        public var maxTotalResponseBytes = 128 << 20
        /// How much of a body that is too long is read and dropped, so that the client receives its 413 and can reuse
        /// the connection. A still longer body closes the connection.
        public var maxDiscardedBytes = 1 << 20
    }

    /// Limits of the requests in flight.
    public struct Requests: Sendable {
        /// The most in-flight requests; further ones get 503 `overloaded`.
        public var maxInFlight = 10_000
        /// The most waiting requests that stay in libmicrohttpd's list of ready connections; the connections of further
        /// ones are suspended. Staying in the list saves two `epoll_ctl` and one `recv` per request, but every run
        /// traverses it.
        public var maxUnsuspended = 128
    }
}

/// Why a server could not start.
public enum HTTPServerError: Error, Equatable, CustomStringConvertible {
    case addressInUse(host: String, port: UInt16)
    case cannotResolve(host: String, reason: String)
    case cannotListen(host: String, port: UInt16, reason: String)
    case cannotStart

    public var description: String {
        switch self {
        case .addressInUse(let host, let port): "address \(Self.address(host, port)) is already in use"
        case .cannotResolve(let host, let reason): "cannot resolve \(host): \(reason)"
        case .cannotListen(let host, let port, let reason): "cannot listen on \(Self.address(host, port)): \(reason)"
        case .cannotStart: "libmicrohttpd did not start"
        }
    }

    private static func address(_ host: String, _ port: UInt16) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
