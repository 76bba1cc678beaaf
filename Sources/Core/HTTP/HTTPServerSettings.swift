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
    /// How many connections there may be, and when one is closed as idle.
    public struct Connections: Sendable {
        /// Simultaneous connections. One client address gets a half of them if it is alone; see ``FairShare``. A
        /// trusted proxy has many clients, and gets all. Above either limit, the longest idle ones are closed for new
        /// ones.
        public var limit = 4_096
        /// Seconds without a complete request or response after which a connection is closed. Single bytes are no
        /// progress; time in a handler does not count.
        public var idleTimeoutS = 60
        /// The same in milliseconds while at least three quarters of ``limit`` are in use.
        public var crowdedIdleTimeoutMs: UInt64 = 5_000
        /// A connection that made progress within this time, in milliseconds, is not closed for another one.
        public var leastIdleMs: UInt64 = 500
        /// Milliseconds after which a connection is closed whose TLS handshake is not complete. A quarter of ``limit``
        /// may be in a handshake.
        public var handshakeTimeoutMs: UInt64 = 10_000
    }

    /// Limits of what is held in memory, in bytes.
    public struct Buffers: Sendable {
        /// The longest request line with header fields; a longer one gets 431, or 414 within the request line.
        public var maxHeadBytes = 8_192
        /// libmicrohttpd's buffer of one connection. It must hold a response header; a body is read in parts of half
        /// its size. libmicrohttpd clears it for each request, so a larger one costs time.
        public var connectionMemoryBytes = 8_192
        /// Buffered request bodies of all connections; above it, or above the fair share of a client address, 503
        /// `overloaded`.
        public var maxTotalBodyBytes = 64 << 20
        /// Long responses (see ``HTTPServer/longResponseBytes``) that clients have not received, of all connections;
        /// above it, or above the fair share of a client address, a read gets 503 `overloaded`. Otherwise clients that
        /// do not read could use up all memory.
        public var maxTotalResponseBytes = 128 << 20
        /// How much of a too long body is read and dropped, so that the client receives its 413 and can reuse the
        /// connection. A still longer body closes the connection.
        public var maxDiscardedBytes = 1 << 20
    }

    /// Limits of the requests in flight.
    public struct Requests: Sendable {
        /// In-flight requests; above it 503 `overloaded`.
        public var maxInFlight = 10_000
        /// Waiting requests that stay in libmicrohttpd's list of ready connections; above it connections are
        /// suspended. The list saves two `epoll_ctl` and one `recv` per request, but every run traverses it.
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
