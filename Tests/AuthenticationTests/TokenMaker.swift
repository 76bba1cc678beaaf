import ByteCoding
import Crypto
import CryptoExtras
import Foundation
import JWTKit

@testable import Authentication

/// Makes JSON Web Tokens and their keys.
struct TokenMaker {
    static let rsa = try! Insecure.RSA.PrivateKey(backing: _RSA.Signing.PrivateKey(keySize: .bits2048))
    static let es256 = ES256PrivateKey()
    private static let ed25519 = Curve25519.Signing.PrivateKey()
    static let eddsa = EdDSA.PrivateKey(backing: ed25519)
    static let secret = "a secret of at least 32 characters"
    static let nowS: Int64 = 1_800_000_000
    static let rules = JWTRules(issuer: "https://issuer.example", audience: "cap", scopesClaim: "scope", leewayS: 0)

    static let claims: [String: JWTClaims.Value] = [
        "iss": .text(rules.issuer), "aud": .text("cap"), "sub": .text("alice"), "scope": .text("read write"),
        "exp": .number(Double(nowS + 60)),
    ]

    enum Kind: String, CaseIterable, Sendable {
        case hs256 = "HS256", rs256 = "RS256", es256 = "ES256", eddsa = "EdDSA"
    }

    /// A token with `claims` and these changes; nil removes a claim.
    static func token(_ kind: Kind, _ changes: [String: JWTClaims.Value?] = [:], kid: String? = nil) async throws
        -> String
    {
        let keys = JWTKeyCollection()
        switch kind {
        case .hs256: await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        case .rs256: await keys.add(rsa: rsa, digestAlgorithm: .sha256)
        case .es256: await keys.add(ecdsa: es256)
        case .eddsa: await keys.add(eddsa: eddsa)
        }
        var values = claims
        for (name, value) in changes { values[name] = value }
        var header = JWTHeader()
        if let kid { header.kid = kid }
        return try await keys.sign(JWTClaims(values), header: header)
    }

    /// The keys that verify tokens of that kind.
    static func keys(_ kind: Kind) async throws -> JWTKeys {
        let pem =
            switch kind {
            case .hs256: ""
            case .rs256: rsaPublicKey
            case .es256: es256.publicKey.pemRepresentation
            case .eddsa: EdDSA.PublicKey(backing: ed25519.publicKey).pemRepresentation
            }
        guard kind != .hs256 else { return try await JWTKeys.load(secret: secret, file: nil) }
        return try await JWTKeys.load(secret: nil, file: Array(pem.utf8))
    }

    static let rsaPublicKey = rsa.publicKey.pemRepresentation

    /// A token with this signature, which may be empty or wrong.
    static func raw(header: String, claims: String, signature: [UInt8] = []) -> String {
        [Array(header.utf8), Array(claims.utf8), signature].map(Base64URL.encode).joined(separator: ".")
    }

    static var claimsText: String {
        String(decoding: try! JSONEncoder().encode(JWTClaims(claims)), as: UTF8.self)
    }
}
