import Glibc

/// The address of a node.
struct NodeAddress: Equatable, Sendable {
    private static let maxHostBytes = 253

    /// A host name or an IP address.
    let host: String
    let port: UInt16
    /// Nil for no TLS.
    var tls: ServiceTLS?
    /// Nil if the node needs no token.
    var token: ServiceToken?

    static func loopback(_ port: UInt16) -> NodeAddress { NodeAddress(host: "127.0.0.1", port: port) }
}

extension NodeAddress {
    /// Parses `HOST:PORT`. An IPv6 address must be in brackets.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard (1...Self.maxHostBytes).contains(host.utf8.count),
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
        else { return nil }
        self.init(host: String(host), port: port)
    }
}
