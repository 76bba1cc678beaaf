/// The secret with which a group's instances sign. During a rotation, also a second secret that they accept but do not
/// sign with.
///
/// Instances restart one after the other, so each must accept what the others sign. In the first restart, all begin to
/// accept the new secret. In the second, they sign with the new one and accept the old one. In the third, the old one
/// is removed (runbooks/rotate-secret-key.md).
public struct GroupSecret: Sendable, ExpressibleByStringLiteral {
    /// `SECRET_KEY`: used to sign, and accepted.
    public var key: String
    /// `SECRET_KEY_FALLBACK`: accepted, but not used to sign.
    public var fallback: String?

    public init(key: String, fallback: String? = nil) {
        self.key = key
        self.fallback = fallback
    }

    public init(stringLiteral key: String) { self.init(key: key) }
}
