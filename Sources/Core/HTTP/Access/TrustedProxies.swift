/// The addresses of the proxies whose `X-Forwarded-For` is used. The field of any other peer is ignored, because it
/// could claim any address.
public struct TrustedProxies: Sendable, Equatable {
    /// A block of addresses, such as `10.0.0.0/8`, or one address.
    struct Block: Sendable, Equatable {
        private let high: UInt64
        private let low: UInt64
        private let highMask: UInt64
        private let lowMask: UInt64

        /// Nil if it is not an address with an optional length, or if bits after that length are set, which is most
        /// likely a mistake.
        init?(_ text: String) {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = IPAddress(parts[0]) else { return nil }
            let bits = address.isIPv4 && !text.contains(":") ? 32 : 128
            var length = bits
            if parts.count == 2 {
                guard let number = Int(parts[1]), String(number) == parts[1], (0...bits).contains(number) else {
                    return nil
                }
                length = number
            }
            length += 128 - bits
            highMask = length >= 64 ? .max : ~(.max >> UInt64(length))
            lowMask = length >= 128 ? .max : length <= 64 ? 0 : ~(.max >> UInt64(length - 64))
            (high, low) = (address.high, address.low)
            guard high & ~highMask == 0, low & ~lowMask == 0 else { return nil }
        }

        func contains(_ address: IPAddress) -> Bool { address.high & highMask == high && address.low & lowMask == low }
    }

    private let blocks: [Block]

    /// The most entries of `X-Forwarded-For` that are read, from its end. A client can send any number of entries
    /// before those of the proxies.
    static let maxHops = 32

    /// Trusts no proxy.
    public init() { blocks = [] }

    /// - Parameter texts: each an address or a block; see ``isBlock(_:)``.
    public init(_ texts: [String]) { blocks = texts.compactMap(Block.init) }

    /// Whether `text` is an address, or a block such as `10.0.0.0/8` or `2001:db8::/32`.
    public static func isBlock(_ text: String) -> Bool { Block(text) != nil }

    func contains(_ address: IPAddress) -> Bool { blocks.contains { $0.contains(address) } }

    /// The client of a request that came through a trusted proxy: the last address in `X-Forwarded-For` that is not
    /// trusted itself. Each proxy appends the address of its peer, so a client cannot choose the address that is
    /// returned.
    ///
    /// - Parameters:
    ///   - peer: the proxy.
    ///   - field: the value of `X-Forwarded-For`; nil if there is none.
    /// - Returns: `peer` if there is no field, or if an entry that is read is not an address. If all addresses are
    ///   trusted, the first one, because a proxy itself sent the request; but `peer` if there are more than
    ///   ``maxHops``.
    func client(of peer: IPAddress, forwardedFor field: String?) -> IPAddress {
        guard let field else { return peer }
        var client = peer
        var rest = Substring(field)
        for _ in 0..<Self.maxHops {
            let comma = rest.lastIndex(of: ",")
            guard let address = Self.address(comma.map { rest[rest.index(after: $0)...] } ?? rest) else { return peer }
            client = address
            guard contains(address), let comma else { return client }
            rest = rest[..<comma]
        }
        return peer
    }

    /// Parses an entry: an address, with a port if the proxy adds one (`192.0.2.1:443`, `[2001:db8::1]:443`).
    private static func address(_ entry: Substring) -> IPAddress? {
        var text = entry.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
            return IPAddress(text[text.index(after: text.startIndex)..<end])
        }
        if let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon, isPort(text[colon...]) {
            text = text[..<colon]
        }
        return IPAddress(text)
    }

    /// Whether `text` is empty, or a colon and one to five digits.
    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty
            || (text.first == ":" && (2...6).contains(text.utf8.count)
                && text.dropFirst().utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    }
}
