import Replication

/// Turns a version vector into the `version` that clients carry, and back (DESIGN A7).
///
/// The text is base64url of a format byte, a ``MessageCode`` and the vector. The code covers group and key, so that a context
/// of one key says nothing about another, and so that nobody can claim to have seen what he has not: a forged context would
/// drop values of others.
struct ContextSigner {
    private let code: MessageCode

    private static let format: UInt8 = 1
    private static let headCount = 1 + MessageCode.count
    /// A vector has an entry for each incarnation that ever coordinated a write of the key.
    static let maxTextCount = 64 * 1_024

    init(secret: GroupSecret, groupName: String) {
        code = MessageCode(secret: secret, groupName: groupName, use: "context 1")
    }

    func text(vector: Bytes, key: Bytes) -> String {
        var payload = Bytes()
        payload.reserveCapacity(Self.headCount + vector.count)
        payload.append(Self.format)
        payload += code.code(of: Self.message(vector, key))
        payload += vector
        return Base64URL.encode(payload)
    }

    /// The vector of a context that this group signed for this key, else nil.
    func vector(of text: String, key: Bytes) -> Bytes? {
        guard text.utf8.count <= Self.maxTextCount, let payload = Base64URL.decode(text),
            payload.count >= Self.headCount, payload[0] == Self.format
        else { return nil }
        let vector = Bytes(payload[Self.headCount...])
        return code.isCode(payload[1..<Self.headCount], of: Self.message(vector, key)) ? vector : nil
    }

    private static func message(_ vector: Bytes, _ key: Bytes) -> Bytes {
        var message = Bytes()
        message.reserveCapacity(vector.count + key.count + 6)
        message += Bytes(decimal: UInt64(key.count))
        message.append(0)
        message += key
        message += vector
        return message
    }
}
