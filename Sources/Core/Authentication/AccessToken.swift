import ByteCoding

/// Generates bearer tokens.
public enum AccessToken {
    /// Tools that search for leaked secrets can recognise tokens by this prefix.
    static let prefix = "cap_"
    static let secretBytes = 32

    /// A new token with 256 random bits.
    /// - Parameter random: the generator of the system, except in tests.
    public static func make(using random: inout some RandomNumberGenerator) -> String {
        let secret = (0..<secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return prefix + Base64URL.encode(secret)
    }
}
