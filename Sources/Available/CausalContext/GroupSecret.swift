/// The secret that a group's instances sign with, and during a rotation a second one that they only accept.
///
/// Instances are restarted one after the other, so each must accept what the others sign. First all accept the new
/// secret. Then all sign with it and accept the old one. Then the old one is removed (runbooks/rotate-secret-key.md).
public struct GroupSecret: Sendable, ExpressibleByStringLiteral {
    /// `SECRET_KEY`: signs, and is accepted.
    public var key: String
    /// `SECRET_KEY_FALLBACK`: accepted, and never signed with.
    public var fallback: String?

    public init(key: String, fallback: String? = nil) {
        self.key = key
        self.fallback = fallback
    }

    public init(stringLiteral key: String) { self.init(key: key) }
}
