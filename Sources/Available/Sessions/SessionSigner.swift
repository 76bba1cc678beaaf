import Replication

/// Turns a ``SessionToken`` into the `X-Session-Token` that clients carry, and back. The text is base64url of a format
/// byte, a ``MessageCode`` and the token. It is signed, so that no client can demand a version that no replica will
/// ever have.
struct SessionSigner {
    private let code: MessageCode

    private static let format: UInt8 = 4
    static let headCount = 1 + MessageCode.count
    static let maxTextCount = 1_024

    init(secret: GroupSecret, groupName: String) {
        code = MessageCode(secret: secret, groupName: groupName, use: "session 2")
    }

    func text(_ token: SessionToken) -> String { text(bytes: token.bytes) }

    /// - Parameter bytes: the bytes of a token.
    func text(bytes: Bytes) -> String {
        Base64URL.encode([Self.format] + code.code(of: bytes) + bytes)
    }

    /// The token that this group signed as `text`; nil for any other text.
    func token(_ text: String) -> SessionToken? {
        guard text.utf8.count <= Self.maxTextCount, let payload = Base64URL.decode(text),
            payload.count > Self.headCount, payload[0] == Self.format
        else { return nil }
        let bytes = payload[Self.headCount...]
        guard code.isCode(payload[1..<Self.headCount], of: Bytes(bytes)) else { return nil }
        return SessionToken(bytes: bytes)
    }
}
