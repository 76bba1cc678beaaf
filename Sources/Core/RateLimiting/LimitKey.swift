import ByteCoding
import Crypto
import HTTP

/// A client with its own limit: the name of a token, or an address that sends no token.
public enum LimitedClient: Hashable, Sendable {
    case token(name: String)
    case address(ClientAddress)
}

/// The Redis key of a client's limit, and the order in which the replicas are asked.
struct LimitKey: Equatable {
    let redisKey: Bytes
    private let order: UInt64

    /// The number of keys that all addresses share. Without this bound, a client with many addresses could fill the
    /// memory of the replicas. Each name of a token has a key of its own, because operators issue the tokens.
    static let addressKeys: UInt64 = 1 << 18

    /// - Parameter secret: without it, nobody can compute which addresses share a key.
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
