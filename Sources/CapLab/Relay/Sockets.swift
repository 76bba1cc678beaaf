import Glibc

/// Socket calls. All connections are on loopback, except those of ``connect(to:port:)``. All descriptors are
/// non-blocking and closed on exec.
enum Sockets {
    /// A connection of ``connect(to:port:)`` counts as lost if the other host acknowledges nothing for this many
    /// milliseconds.
    private static let unacknowledgedMs: Int32 = 3_000

    /// - Returns: a socket that listens on 127.0.0.1. If the port is 0, the kernel chooses one.
    static func listen(port: UInt16) throws(SocketError) -> Int32 {
        let descriptor = tcpSocket()
        guard descriptor >= 0 else { throw SocketError(operation: "socket", errno: errno) }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        let isBound = withLoopback(port) { Glibc.bind(descriptor, $0, $1) == 0 }
        guard isBound, Glibc.listen(descriptor, 128) == 0 else {
            let error = SocketError(operation: "bind to port \(port)", errno: errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Starts a connection to 127.0.0.1. It is established once the socket is writable without an error.
    static func connect(port: UInt16) throws(SocketError) -> Int32 {
        let descriptor = tcpSocket()
        guard descriptor >= 0 else { throw SocketError(operation: "socket", errno: errno) }
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        let result = withLoopback(port) { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let error = SocketError(operation: "connect to port \(port)", errno: errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Starts a connection to an IP address, like ``connect(port:)``.
    static func connect(to literal: String, port: UInt16) throws(SocketError) -> Int32 {
        var v4 = sockaddr_in()
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        if inet_pton(AF_INET, literal, &v4.sin_addr) == 1 { return try connect(AF_INET, &v4, literal) }
        var v6 = sockaddr_in6()
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = port.bigEndian
        guard inet_pton(AF_INET6, literal, &v6.sin6_addr) == 1 else {
            throw SocketError(operation: "connect to \(literal)", errno: EINVAL)
        }
        return try connect(AF_INET6, &v6, literal)
    }

    private static func connect<Address>(
        _ family: Int32, _ address: inout Address, _ literal: String
    ) throws(SocketError) -> Int32 {
        let descriptor = tcpSocket(family)
        guard descriptor >= 0 else { throw SocketError(operation: "socket", errno: errno) }
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // A container that has left the network acknowledges nothing. Without this option, TCP would retransmit for
        // about 15 minutes.
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, unacknowledgedMs)
        let result = withUnsafeBytes(of: &address) { bytes in
            Glibc.connect(
                descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        guard result == 0 || errno == EINPROGRESS else {
            let error = SocketError(operation: "connect to \(literal)", errno: errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// - Returns: the next connection; negative if there is none, with `errno` set.
    static func accept(_ listener: Int32) -> Int32 {
        let descriptor = Glibc.accept(listener, nil, nil)
        if descriptor >= 0 { prepare(descriptor) }
        if descriptor >= 0 { setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        return descriptor
    }

    /// Makes a descriptor non-blocking and closed on exec. Only this thread starts children, so no child can inherit
    /// the descriptor before this call.
    static func prepare(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    /// The port to which a socket is bound.
    static func localPort(_ descriptor: Int32) -> UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The error of a connection attempt; 0 if there is none. Reading the error clears it.
    static func takeError(_ descriptor: Int32) -> Int32 {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return error
    }

    /// Closes a socket with RST instead of FIN. Lingering for zero seconds discards unsent bytes.
    static func closeWithReset(_ descriptor: Int32) {
        var lingers = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &lingers, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    private static func tcpSocket(_ family: Int32 = AF_INET) -> Int32 {
        socket(family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    private static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func withLoopback<Result>(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A socket call has failed.
struct SocketError: Error, Equatable {
    let operation: String
    let errno: Int32

    var message: String { "\(operation): \(String(cString: strerror(errno)))" }
}
