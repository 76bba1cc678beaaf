import ByteCoding
import FoundationEssentials
import HTTP
import JWTKit

/// What a JSON Web Token must say to be accepted.
public struct JWTRules: Sendable {
    /// `iss`.
    public let issuer: String
    /// `aud`, alone or in a list.
    public let audience: String
    /// The claim with the scopes: a list, or one text with spaces between (RFC 8693, section 4.2).
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

/// Verifies JSON Web Tokens (RFC 7519) by the advice of RFC 8725.
///
/// The library parses and computes signatures; which key and algorithm may be used is decided here, before it sees a
/// signature. `none` is no algorithm of any key.
struct JWTVerifier: Sendable {
    private let keys: JWTKeys
    private let rules: JWTRules

    private static let maxSubjectBytes = 128
    /// A longer header, in bytes as sent, is a mistake or an attack: it is read before the signature is checked.
    private static let maxHeaderBytes = 1_024

    init(_ keys: JWTKeys, _ rules: JWTRules) {
        self.keys = keys
        self.rules = rules
    }

    /// - Parameters:
    ///   - token: three parts with dots between.
    ///   - nowS: the wall clock, in seconds since 1970.
    /// - Returns: whose it is, and the second from which on it is expired.
    /// - Throws: why it is rejected, as the end of a sentence that begins with "the token".
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
        // Only now: until here, the text may be anybody's.
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
        // Scopes of other services are none of ours.
        let scopes = Set(words.compactMap { Scope(rawValue: String($0)) })
        return (Principal(name: "jwt:\(subject)", scopes: scopes), expiresS)
    }

    private static func decode<Value: Decodable>(_ part: some Collection<UInt8>) -> Value? {
        // It accepts one text for the same bytes only: an altered token is never as good as the original.
        guard let bytes = Base64URL.decode(String(decoding: part, as: UTF8.self)) else { return nil }
        return try? JSONDecoder().decode(Value.self, from: Data(bytes))
    }
}
