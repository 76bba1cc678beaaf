import ByteCoding
import Crypto
import HTTP

/// Who shares a limit: the bearer of a token, or an address without one.
public enum LimitedClient: Hashable, Sendable {
    case token(name: String)
    case address(ClientAddress)
}

/// The name of a client's limit on the replicas.
struct LimitKey: Equatable {
    let redisKey: Bytes
    private let order: UInt64

    /// Addresses share so many keys. Otherwise somebody with many of them, as everybody has in IPv6, could fill the
    /// memory of the replicas. Tokens are given out, and each has a key of its own.
    static let addressKeys: UInt64 = 1 << 18

    /// - Parameter secret: nobody who does not know it can find an address that shares a limit with another one.
    init(_ client: LimitedClient, secret: SymmetricKey) {
        let (prefix, text) =
            switch client {
            case .token(let name): ("t:", name)
            case .address(let address): ("a:", address.description)
            }
        let code = HMAC<SHA256>.authenticationCode(for: Array((prefix + text).utf8), using: secret)
        let hash = code.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch client {
        case .token:
            order = hash
            redisKey = Bytes("cap:limit:t:".utf8) + Bytes(hexadecimalText(code.prefix(16)).utf8)
        case .address:
            order = hash % Self.addressKeys
            redisKey = Bytes("cap:limit:a:".utf8) + Bytes(decimal: order)
        }
    }

    /// The replica that all instances ask first.
    func firstReplica(of count: Int) -> Int { Int(order % UInt64(count)) }
}
