import ByteCoding
import FoundationEssentials
import HTTP
import JWTKit

/// The rules by which the claims of a JSON Web Token are accepted.
public struct JWTRules: Sendable {
    /// The required `iss`.
    public let issuer: String
    /// The required `aud`, alone or in a list.
    public let audience: String
    /// The name of the claim with the scopes: a list, or one text with the scopes separated by spaces (RFC 8693,
    /// section 4.2).
    public let scopesClaim: String
    /// How far the issuer's clock may be off, in seconds.
    public let leewayS: Int64

    public init(issuer: String, audience: String, scopesClaim: String, leewayS: Int64) {
        self.issuer = issuer
        self.audience = audience
        self.scopesClaim = scopesClaim
        self.leewayS = leewayS
    }
}

/// Verifies JSON Web Tokens (RFC 7519), following RFC 8725.
///
/// The library parses keys and computes signatures. This type selects the key and its algorithm before it passes a
/// signature to the library. No key has the algorithm `none`.
struct JWTVerifier: Sendable {
    private let keys: JWTKeys
    private let rules: JWTRules

    private static let maxSubjectBytes = 128
    /// The longest header, in bytes as sent. It is decoded before the signature is verified, so anybody can send one.
    private static let maxHeaderBytes = 1_024

    init(_ keys: JWTKeys, _ rules: JWTRules) {
        self.keys = keys
        self.rules = rules
    }

    /// - Parameters:
    ///   - token: three parts, separated by dots.
    ///   - nowS: the wall clock, in seconds since 1970.
    /// - Returns: the principal, and when the token expires, in seconds since 1970; the leeway is included.
    /// - Throws: why the token is rejected, as the end of a sentence that begins with "the token".
    func verify(
        _ token: some StringProtocol, atS nowS: Int64
    ) throws(CredentialsError) -> (principal: Principal, expiresS: Int64) {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count <= Self.maxHeaderBytes, let header: JWTHead = Self.decode(parts[0]),
            let signature = Base64URL.decode(String(decoding: parts[2], as: UTF8.self))
        else { throw CredentialsError("is malformed") }
        guard !header.hasCriticalExtensions else { throw CredentialsError("has critical extensions") }
        guard header.isAccessToken else { throw CredentialsError("is of another type than JWT") }
        let named = keys.keys.filter { $0.algorithm.name == header.algorithm }
        let candidates = named.filter { key in header.keyID == nil || key.id == nil || key.id == header.keyID }
        guard !candidates.isEmpty else {
            throw CredentialsError("is signed with an algorithm or key that is not accepted")
        }
        let signed = Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])
        guard candidates.contains(where: { (try? $0.algorithm.verify(signature, signs: signed)) ?? false }) else {
            throw CredentialsError("has an invalid signature")
        }
        // Decode the claims only now: before the signature was verified, anybody could have written them.
        guard let claims: JWTClaims = Self.decode(parts[1]) else { throw CredentialsError("is malformed") }
        return try check(claims, atS: nowS)
    }

    private func check(
        _ claims: JWTClaims, atS nowS: Int64
    ) throws(CredentialsError) -> (principal: Principal, expiresS: Int64) {
        guard claims.text("iss") == rules.issuer else { throw CredentialsError("is of another issuer") }
        guard claims.texts("aud").contains(rules.audience) else { throw CredentialsError("is for another audience") }
        guard let expires = claims.time("exp") else { throw CredentialsError("has no time of expiry") }
        let expiresS = Int64(max(0, min(expires, 1e12)).rounded(.down)) + rules.leewayS
        guard nowS < expiresS else { throw CredentialsError("is expired") }
        if claims["nbf"] != nil {
            guard let from = claims.time("nbf"), from <= Double(nowS + rules.leewayS) else {
                throw CredentialsError("is not valid yet")
            }
        }
        guard let subject = claims.text("sub"), (1...Self.maxSubjectBytes).contains(subject.utf8.count),
            !subject.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw CredentialsError("has no subject of 1 to \(Self.maxSubjectBytes) bytes") }
        let words = claims.texts(rules.scopesClaim).flatMap { $0.split(separator: " ") }
        // Ignore the scopes of other services.
        let scopes = Set(words.compactMap { Scope(rawValue: String($0)) })
        return (Principal(name: "jwt:\(subject)", scopes: scopes), expiresS)
    }

    private static func decode<Value: Decodable>(_ part: some Collection<UInt8>) -> Value? {
        // The decoder accepts only one text for the same bytes, so an altered text is never equivalent to the original
        // token.
        guard let bytes = Base64URL.decode(String(decoding: part, as: UTF8.self)),
            // The parser would replace invalid UTF-8, so that two different subjects could become equal (RFC 8725,
            // section 3.7).
            String(validating: bytes, as: UTF8.self) != nil, JSONMemberNames.areUnique(inObject: bytes)
        else { return nil }
        return try? JSONDecoder().decode(Value.self, from: Data(bytes))
    }
}
