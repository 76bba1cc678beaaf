import ByteCoding

/// Makes bearer tokens.
public enum AccessToken {
    /// Tools that search for leaked secrets recognise tokens by such a prefix.
    static let prefix = "cap_"
    static let secretBytes = 32

    /// A new token with 256 random bits.
    /// - Parameter random: of the system; another one only in tests.
    public static func make(using random: inout some RandomNumberGenerator) -> String {
        let secret = (0..<secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return prefix + Base64URL.encode(secret)
    }
}
