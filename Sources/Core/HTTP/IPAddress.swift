import Glibc

/// An IPv4 or IPv6 address. An IPv4 address is stored in its IPv6 form, `::ffff:192.0.2.1` (RFC 4291, section 2.5.5.2).
/// So it is equal on an IPv4 socket and on a socket for both families.
public struct IPAddress: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    private static let mappedPrefix: UInt64 = 0xFFFF

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(ipv4: UInt32) { self.init(high: 0, low: Self.mappedPrefix << 32 | UInt64(ipv4)) }

    var isIPv4: Bool { high == 0 && low >> 32 == Self.mappedPrefix }

    init(_ address: UnsafePointer<sockaddr>) {
        self = UnsafeRawPointer(address).withMemoryRebound(to: UInt8.self, capacity: 28) { bytes in
            func number(_ range: Range<Int>) -> UInt64 { range.reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
            // The address begins at byte 4 of `sockaddr_in`, and at byte 8 of `sockaddr_in6`.
            guard address.pointee.sa_family == sa_family_t(AF_INET) else {
                return IPAddress(high: number(8..<16), low: number(16..<24))
            }
            return IPAddress(ipv4: UInt32(number(4..<8)))
        }
    }

    /// Parses the standard text forms of an address, without a zone (`%eth0`). Nil for any other text.
    public init?(_ text: some StringProtocol) {
        // The longest form, of an IPv6 address that ends with an IPv4 address, has 45 characters.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        let text = String(text)
        var ipv4 = in_addr()
        if inet_pton(AF_INET, text, &ipv4) == 1 {
            self.init(ipv4: UInt32(bigEndian: ipv4.s_addr))
            return
        }
        var ipv6 = in6_addr()
        guard inet_pton(AF_INET6, text, &ipv6) == 1 else { return nil }
        self = withUnsafeBytes(of: ipv6) { bytes in
            IPAddress(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}
