import Crypto
import Replication

/// HMAC-SHA256 (RFC 2104, truncated to 16 bytes as its section 5 allows) under a key of its own for each use of the group's
/// secret, so that what is signed for one use says nothing in another.
struct MessageCode {
    static let count = 16
    /// Keyed, and fed with what is the same for every message: copied for each.
    private let keyed: HMAC<SHA256>

    /// - Parameter use: names what is signed, with a number that rises when its form changes.
    init(secretKey: String, groupName: String, use: String) {
        let key = HMAC<SHA256>.authenticationCode(
            for: Bytes("cap-pair \(use)".utf8), using: SymmetricKey(data: Bytes(secretKey.utf8)))
        var keyed = HMAC<SHA256>(key: SymmetricKey(data: key))
        keyed.update(data: Bytes(decimal: UInt64(groupName.utf8.count)) + [0] + Bytes(groupName.utf8))
        self.keyed = keyed
    }

    func code(of message: Bytes) -> ArraySlice<UInt8> {
        var keyed = keyed
        keyed.update(data: message)
        return Bytes(keyed.finalize()).prefix(Self.count)
    }

    /// In constant time.
    func isCode(_ given: ArraySlice<UInt8>, of message: Bytes) -> Bool {
        var difference: UInt8 = given.count == Self.count ? 0 : 1
        for (left, right) in zip(given, code(of: message)) { difference |= left ^ right }
        return difference == 0
    }
}
