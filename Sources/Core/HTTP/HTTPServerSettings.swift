/// The settings of one ``HTTPServer``. Every limit is per server, that is per reactor.
public struct HTTPServerSettings: Sendable {
    /// An IPv4 or IPv6 address, or a name, which is resolved once at the start. `::` takes IPv4 too.
    public var host: String
    /// 0 takes any free port; see ``HTTPServer/boundPort``.
    public var port: UInt16
    /// Several servers of this process listen on the port, and the kernel spreads connections over them (SO_REUSEPORT).
    public var isPortShared = false

    /// Connections at a time; further ones wait in the kernel's backlog.
    public var connectionLimit = 4_096
    /// Connections the kernel keeps waiting to be accepted.
    public var backlog: Int32 = 1_024
    /// Seconds after which a connection is closed on which neither a request nor an answer became whole, however many bytes
    /// dripped in. A request that waits for its handler is not counted.
    public var idleTimeoutS = 60
    /// The same, in milliseconds, while three quarters of ``connectionLimit`` are in use.
    public var crowdedIdleTimeoutMs: UInt64 = 5_000
    /// Memory of one connection, in bytes; with `responseHeaderBytes` off, and 64 for each field, it bounds the header block,
    /// past which the client gets 431 (or 414 where the target alone is longer). libmicrohttpd clears it for each request, so
    /// more of it costs time.
    public var connectionMemoryBytes = 8_192
    /// The part of a connection's memory that is kept for the header of the answer.
    public var responseHeaderBytes = 2_048

    /// Requests in flight; past it 503 `overloaded`.
    public var maxRequestsInFlight = 10_000
    /// Bytes of bodies held at a time; past it 503 `overloaded`.
    public var maxBufferedBodyBytes = 64 << 20
    /// Bytes of long answers (see ``HTTPServer/longAnswerBytes``) on their way to clients; past it a read gets 503
    /// `overloaded`. Clients that do not read would else take all memory.
    public var maxBufferedAnswerBytes = 128 << 20
    /// How far past its limit a body is read and dropped, so that the client gets its 413 on a connection it can go on
    /// using. Past that too the connection is closed.
    public var maxDiscardedBytes = 1 << 20
    /// Up to this many waiting requests stay in libmicrohttpd's list of ready connections, which saves two `epoll_ctl` and a
    /// `recv` each but is walked at every run; above it connections are suspended.
    public var maxUnsuspended = 128

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Why a server could not start, in one line for people.
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
