import Glibc

/// Opens listening sockets. Blocks while a name is resolved, so it is only for the start of a program.
enum ListenSocket {
    /// Length of the kernel's queue of connections that have not been accepted yet.
    private static let backlog: Int32 = 1_024

    /// A non-blocking socket bound to `host` and `port`, listening.
    static func open(host: String, port: UInt16) throws(HTTPServerError) -> (descriptor: Int32, port: UInt16) {
        let addresses = try resolve(host: host, port: port)
        defer { freeaddrinfo(addresses) }
        var lastError: Int32 = 0
        var next: UnsafeMutablePointer<addrinfo>? = addresses
        while let address = next {
            let descriptor = bound(to: address.pointee)
            if descriptor >= 0, listen(descriptor, backlog) == 0 {
                return (descriptor, localPort(of: descriptor))
            }
            lastError = errno
            if descriptor >= 0 { close(descriptor) }
            next = address.pointee.ai_next
        }
        guard lastError != EADDRINUSE else { throw .addressInUse(host: host, port: port) }
        throw .cannotListen(host: host, port: port, reason: String(cString: strerror(lastError)))
    }

    private static func resolve(host: String, port: UInt16) throws(HTTPServerError) -> UnsafeMutablePointer<addrinfo> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var addresses: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &addresses)
        guard status == 0, let addresses else {
            throw .cannotResolve(host: host, reason: String(cString: gai_strerror(status)))
        }
        return addresses
    }

    /// -1 and `errno` if the address cannot be bound.
    private static func bound(to address: addrinfo) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.ai_family, kind, 0)
        guard descriptor >= 0 else { return -1 }
        set(SOL_SOCKET, SO_REUSEADDR, 1, on: descriptor)
        if address.ai_family == AF_INET6 { set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0, on: descriptor) }
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
            let reason = errno
            close(descriptor)
            errno = reason
            return -1
        }
        return descriptor
    }

    private static func set(_ level: Int32, _ option: Int32, _ value: Int32, on descriptor: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func localPort(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let port = withUnsafeMutablePointer(to: &storage) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
            // The port has the same offset in `sockaddr_in` and `sockaddr_in6`.
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port }
        }
        return UInt16(bigEndian: port)
    }
}
