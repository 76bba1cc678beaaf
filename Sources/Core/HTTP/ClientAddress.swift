import Glibc

/// What one client can be told by: its IPv4 address, or its IPv6 prefix of 64 bits, within which it has every address.
public struct ClientAddress: Hashable, Sendable, CustomStringConvertible {
    private let network: UInt64
    private let isIPv4: Bool

    /// - Parameter network: the IPv4 address, or the first 64 bits of the IPv6 address.
    public init(network: UInt64, isIPv4: Bool = true) {
        self.network = network
        self.isIPv4 = isIPv4
    }

    init(_ address: UnsafePointer<sockaddr>) {
        self = UnsafeRawPointer(address).withMemoryRebound(to: UInt8.self, capacity: 28) { bytes in
            let isIPv4 = address.pointee.sa_family == sa_family_t(AF_INET)
            // The address begins at byte 4 of `sockaddr_in`, and at byte 8 of `sockaddr_in6`.
            let start = isIPv4 ? 4 : 8
            // ::ffff:192.0.2.1 is an IPv4 client of a socket for both.
            let isMapped = !isIPv4 && (0..<10).allSatisfy { bytes[8 + $0] == 0 } && bytes[18] == 255 && bytes[19] == 255
            let range = isIPv4 ? start..<start + 4 : isMapped ? 20..<24 : start..<start + 8
            return ClientAddress(
                network: range.reduce(0) { $0 << 8 | UInt64(bytes[$1]) }, isIPv4: isIPv4 || isMapped)
        }
    }

    /// Such as `192.0.2.1`, or `2001:db8:0:1::/64`.
    public var description: String {
        if isIPv4 { return [24, 16, 8, 0].map { String(network >> $0 & 255) }.joined(separator: ".") }
        return [48, 32, 16, 0].map { String(network >> $0 & 0xFFFF, radix: 16) }.joined(separator: ":") + "::/64"
    }
}
