import Crypto
import Replication

/// Message authentication code: HMAC-SHA256 (RFC 2104), truncated to 16 bytes as its section 5 allows. Each kind of
/// text has its own key, so that a text signed as one kind is invalid as another.
struct MessageCode {
    static let count = 16
    /// The HMAC state after the key and the common prefix of all messages; copied for each message.
    private let keyed: HMAC<SHA256>
    /// The same HMAC state under the fallback secret, which is only accepted; nil if there is none.
    private let fallback: HMAC<SHA256>?

    /// - Parameter use: the kind of text that is signed, with a number that rises when its format changes.
    init(secret: GroupSecret, groupName: String, use: String) {
        keyed = Self.keyed(secret.key, groupName, use)
        fallback = secret.fallback.map { Self.keyed($0, groupName, use) }
    }

    private static func keyed(_ secretKey: String, _ groupName: String, _ use: String) -> HMAC<SHA256> {
        let key = HMAC<SHA256>.authenticationCode(
            for: Bytes("cap-pair \(use)".utf8), using: SymmetricKey(data: Bytes(secretKey.utf8)))
        var keyed = HMAC<SHA256>(key: SymmetricKey(data: key))
        keyed.update(data: Bytes(decimal: UInt64(groupName.utf8.count)) + [0] + Bytes(groupName.utf8))
        return keyed
    }

    func code(of message: Bytes) -> ArraySlice<UInt8> { Self.code(keyed, message) }

    private static func code(_ keyed: HMAC<SHA256>, _ message: Bytes) -> ArraySlice<UInt8> {
        var keyed = keyed
        keyed.update(data: message)
        return Bytes(keyed.finalize()).prefix(count)
    }

    /// True if `given` is the code of `message` under the secret or its fallback. Compares in constant time.
    func isCode(_ given: ArraySlice<UInt8>, of message: Bytes) -> Bool {
        if Self.isSame(given, code(of: message)) { return true }
        return fallback.map { Self.isSame(given, Self.code($0, message)) } ?? false
    }

    private static func isSame(_ given: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
        var difference: UInt8 = given.count == count ? 0 : 1
        for (left, right) in zip(given, right) { difference |= left ^ right }
        return difference == 0
    }
}
