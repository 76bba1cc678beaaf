import Glibc

/// IPv4 addresses of this machine, for sockets of tests.
public enum Loopback {
    /// - Parameter number: the address is 127.0.0.`number`.
    /// - Returns: false if the port is in use.
    public static func bind(_ descriptor: Int32, port: UInt16, number: UInt32 = 1) -> Bool {
        withAddress(number, port: port) { Glibc.bind(descriptor, $0, $1) } == 0
    }

    /// - Returns: false if nothing listens on 127.0.0.1:`port`.
    public static func connect(_ descriptor: Int32, port: UInt16) -> Bool {
        withAddress(1, port: port) { Glibc.connect(descriptor, $0, $1) } == 0
    }

    private static func withAddress<Result>(
        _ number: UInt32, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7F00_0000 + number).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
