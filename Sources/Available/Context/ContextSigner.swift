import Crypto
import Replication

/// Turns a version vector into the `version` that clients carry, and back (DESIGN A7).
///
/// The text is base64url of a format byte, 16 bytes of HMAC-SHA256 (RFC 2104, truncated as its section 5 allows) and the
/// vector. The code covers group and key, so that a context of one key says nothing about another, and so that nobody can
/// claim to have seen what he has not: a forged context would drop values of others.
struct ContextSigner {
    /// Keyed, and fed with what is the same for every key: copied for each use.
    private let keyed: HMAC<SHA256>

    private static let format: UInt8 = 1
    private static let codeCount = 16
    private static let headCount = 1 + codeCount
    /// A vector has an entry for each incarnation that ever coordinated a write of the key.
    static let maxTextCount = 64 * 1_024

    init(secretKey: String, groupName: String) {
        // A key of its own for each use of the secret.
        let use = HMAC<SHA256>.authenticationCode(
            for: Bytes("cap-pair context 1".utf8), using: SymmetricKey(data: Bytes(secretKey.utf8)))
        var keyed = HMAC<SHA256>(key: SymmetricKey(data: use))
        keyed.update(data: Bytes(decimal: UInt64(groupName.utf8.count)) + [0] + Bytes(groupName.utf8))
        self.keyed = keyed
    }

    func text(vector: Bytes, key: Bytes) -> String {
        var payload = Bytes()
        payload.reserveCapacity(Self.headCount + vector.count)
        payload.append(Self.format)
        payload += code(vector: vector, key: key).prefix(Self.codeCount)
        payload += vector
        return Base64URL.encode(payload)
    }

    /// The vector of a context that this group signed for this key, else nil.
    func vector(of text: String, key: Bytes) -> Bytes? {
        guard text.utf8.count <= Self.maxTextCount, let payload = Base64URL.decode(text),
            payload.count >= Self.headCount, payload[0] == Self.format
        else { return nil }
        let vector = Bytes(payload[Self.headCount...])
        var difference: UInt8 = 0
        for (given, own) in zip(payload[1..<Self.headCount], code(vector: vector, key: key)) {
            difference |= given ^ own  // in constant time
        }
        return difference == 0 ? vector : nil
    }

    private func code(vector: Bytes, key: Bytes) -> HMAC<SHA256>.MAC {
        var keyed = keyed
        var message = Bytes()
        message.reserveCapacity(vector.count + key.count + 6)
        message += Bytes(decimal: UInt64(key.count))
        message.append(0)
        message += key
        message += vector
        keyed.update(data: message)
        return keyed.finalize()
    }
}
