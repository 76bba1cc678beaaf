import Replication

/// Turns a version vector into the `version` that clients carry, and back (rule A7).
///
/// The text is base64url of a format byte, a ``MessageCode`` and the packed vector. The code covers group and key, so
/// that a context is valid for one key only and cannot be forged. With a forged context, a client could overwrite
/// values that it has not seen.
struct ContextSigner {
    private let code: MessageCode

    private static let format: UInt8 = 3
    private static let headCount = 1 + MessageCode.count
    /// The longest context that is accepted, in characters. A vector has an entry per incarnation that ever coordinated
    /// a write of the key.
    static let maxTextCount = 64 * 1_024

    init(secret: GroupSecret, groupName: String) {
        code = MessageCode(secret: secret, groupName: groupName, use: "context 2")
    }

    /// - Parameter packed: one vector, encoded by ``VectorCode``.
    func text(packed: Bytes, key: Bytes) -> String {
        var payload = Bytes()
        payload.reserveCapacity(Self.headCount + packed.count)
        payload.append(Self.format)
        payload += code.code(of: Self.message(packed[...], key))
        payload += packed
        return Base64URL.encode(payload)
    }

    /// The vector of a context that this group signed for `key`; nil for any other text.
    func vector(of text: String, key: Bytes) -> Bytes? {
        guard text.utf8.count <= Self.maxTextCount, let payload = Base64URL.decode(text),
            payload.count >= Self.headCount, payload[0] == Self.format
        else { return nil }
        let packed = payload[Self.headCount...]
        guard code.isCode(payload[1..<Self.headCount], of: Self.message(packed, key)),
            let vectors = VectorCode.unpack(packed), vectors.count == 1
        else { return nil }
        return vectors[0]
    }

    private static func message(_ packed: ArraySlice<UInt8>, _ key: Bytes) -> Bytes {
        var message = Bytes()
        message.reserveCapacity(packed.count + key.count + 6)
        message += Bytes(decimal: UInt64(key.count))
        message.append(0)
        message += key
        message += packed
        return message
    }
}
