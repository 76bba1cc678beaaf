/// Identifies one client: by its IPv4 address, or by the first 64 bits of its IPv6 address. An IPv6 client can usually
/// choose any address with this prefix.
public struct ClientAddress: Hashable, Sendable, CustomStringConvertible {
    private let network: UInt64
    private let isIPv4: Bool

    /// - Parameter network: the IPv4 address, or the first 64 bits of the IPv6 address.
    public init(network: UInt64, isIPv4: Bool = true) {
        self.network = network
        self.isIPv4 = isIPv4
    }

    init(_ address: IPAddress) {
        self.init(network: address.isIPv4 ? address.low & 0xFFFF_FFFF : address.high, isIPv4: address.isIPv4)
    }

    /// Such as `192.0.2.1`, or `2001:db8:0:1::/64`.
    public var description: String {
        if isIPv4 { return [24, 16, 8, 0].map { String(network >> $0 & 255) }.joined(separator: ".") }
        return [48, 32, 16, 0].map { String(network >> $0 & 0xFFFF, radix: 16) }.joined(separator: ":") + "::/64"
    }
}
