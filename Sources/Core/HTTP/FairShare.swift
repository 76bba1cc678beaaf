import Glibc

/// What one client can be told by: its IPv4 address, or its IPv6 prefix of 64 bits, within which it has every address.
public struct ClientAddress: Hashable, Sendable {
    private let network: UInt64

    /// - Parameter network: the IPv4 address, or the first 64 bits of the IPv6 address.
    public init(network: UInt64) { self.network = network }

    init(_ address: UnsafePointer<sockaddr>) {
        network = UnsafeRawPointer(address).withMemoryRebound(to: UInt8.self, capacity: 28) { bytes in
            let isIPv4 = address.pointee.sa_family == sa_family_t(AF_INET)
            // The address begins at byte 4 of `sockaddr_in`, and at byte 8 of `sockaddr_in6`.
            let start = isIPv4 ? 4 : 8
            // ::ffff:192.0.2.1 is an IPv4 client of a socket for both.
            let isMapped = !isIPv4 && (0..<10).allSatisfy { bytes[8 + $0] == 0 } && bytes[18] == 255 && bytes[19] == 255
            let range = isIPv4 ? start..<start + 4 : isMapped ? 20..<24 : start..<start + 8
            return range.reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
        }
    }
}

/// An amount that all clients share, and of which each address gets a fair part.
///
/// An address may hold as much as is free: one address alone gets a half, two addresses get a third each. So a newcomer
/// always finds room. These are the dynamic thresholds, with α = 1, of Choudhury and Hahne (IEEE/ACM Transactions on
/// Networking 6(2), 1998).
struct FairShare {
    let total: Int
    private(set) var used = 0
    private var held: [ClientAddress: Int] = [:]

    init(total: Int) { self.total = total }

    func fits(_ count: Int, for client: ClientAddress) -> Bool {
        count <= total - used - (held[client] ?? 0)
    }

    mutating func take(_ count: Int, for client: ClientAddress) {
        used += count
        held[client, default: 0] += count
    }

    mutating func release(_ count: Int, for client: ClientAddress) {
        guard count > 0 else { return }
        used -= count
        let left = (held[client] ?? 0) - count
        assert(used >= 0 && left >= 0, "nothing is released that was not taken")
        held[client] = left > 0 ? left : nil
    }
}
