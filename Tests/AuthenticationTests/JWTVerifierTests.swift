import ByteCoding
import Crypto
import Foundation
import HTTP
import JWTKit
import Testing

@testable import Authentication

@Suite(.timeLimit(.minutes(20))) struct JWTVerifierTests {
    /// The reason why a token is rejected; nil if it is accepted.
    private func rejection(
        _ token: String, _ kind: TokenMaker.Kind, atS nowS: Int64 = TokenMaker.nowS, rules: JWTRules = TokenMaker.rules
    ) async throws -> String? {
        let verifier = JWTVerifier(try await TokenMaker.keys(kind), rules)
        do throws(CredentialsError) {
            _ = try verifier.verify(token, atS: nowS)
            return nil
        } catch { return error.description }
    }

    @Test(arguments: TokenMaker.Kind.allCases)
    func aSignedTokenIsAccepted(kind: TokenMaker.Kind) async throws {
        let verifier = JWTVerifier(try await TokenMaker.keys(kind), TokenMaker.rules)
        let (principal, expiresS) = try verifier.verify(try await TokenMaker.token(kind), atS: TokenMaker.nowS)
        #expect(principal == Principal(name: "jwt:alice", scopes: [.read, .write]))
        #expect(expiresS == TokenMaker.nowS + 60)
    }

    /// Every character of the token is replaced by each of several others.
    @Test(arguments: TokenMaker.Kind.allCases)
    func anAlteredTokenIsRejected(kind: TokenMaker.Kind) async throws {
        let token = Array(try await TokenMaker.token(kind).utf8)
        let verifier = JWTVerifier(try await TokenMaker.keys(kind), TokenMaker.rules)
        for index in token.indices {
            for other in "AQgw_.".utf8 where other != token[index] {
                var altered = token
                altered[index] = other
                #expect(throws: CredentialsError.self, "\(index)") {
                    try verifier.verify(String(decoding: altered, as: UTF8.self), atS: TokenMaker.nowS)
                }
            }
        }
    }

    @Test(arguments: ["none", "None", "NONE", ""])
    func anUnsignedTokenIsRejected(algorithm: String) async throws {
        for kind in TokenMaker.Kind.allCases {
            let token = TokenMaker.raw(header: "{\"alg\":\"\(algorithm)\"}", claims: TokenMaker.claimsText)
            #expect(try await rejection(token, kind) != nil)
        }
    }

    /// An attacker signs a token by HS256, with the PEM text of the public key as the secret.
    @Test func aPublicKeyIsNoSecret() async throws {
        for pem in [
            TokenMaker.rsaPublicKey, TokenMaker.rsaPublicKey + "\n", TokenMaker.es256.publicKey.pemRepresentation,
        ] {
            let keys = JWTKeyCollection()
            await keys.add(hmac: HMACKey(from: pem), digestAlgorithm: .sha256)
            let token = try await keys.sign(JWTClaims(TokenMaker.claims))
            #expect(try await rejection(token, .rs256) == "is signed with an algorithm or key that is not accepted")
            #expect(try await rejection(token, .es256) == "is signed with an algorithm or key that is not accepted")
        }
    }

    @Test func aTokenOfAnotherKeyIsRejected() async throws {
        let keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: "another secret of at least 32 characters"), digestAlgorithm: .sha256)
        let token = try await keys.sign(JWTClaims(TokenMaker.claims))
        #expect(try await rejection(token, .hs256) == "has an invalid signature")
    }

    @Test(arguments: [
        ("iss", JWTClaims.Value.text("https://other.example"), "is of another issuer"),
        ("iss", nil, "is of another issuer"),
        ("aud", .text("other"), "is for another audience"), ("aud", .list(["other"]), "is for another audience"),
        ("aud", nil, "is for another audience"), ("exp", nil, "has no time of expiry"),
        ("exp", .text("1900000000"), "has no time of expiry"), ("exp", .number(0), "is expired"),
        ("exp", .number(-1e300), "is expired"), ("exp", .number(Double(TokenMaker.nowS)), "is expired"),
        ("nbf", .number(Double(TokenMaker.nowS + 1)), "is not valid yet"), ("nbf", .text("soon"), "is not valid yet"),
        ("sub", nil, "has no subject of 1 to 128 bytes"), ("sub", .text("a\nb"), "has no subject of 1 to 128 bytes"),
        ("sub", .text(String(repeating: "a", count: 129)), "has no subject of 1 to 128 bytes"),
    ])
    func aClaimThatDoesNotFitIsNamed(name: String, value: JWTClaims.Value?, reason: String) async throws {
        let token = try await TokenMaker.token(.hs256, [name: value])
        #expect(try await rejection(token, .hs256) == reason)
    }

    @Test func theLeewayIsAddedAtBothEnds() async throws {
        let rules = JWTRules(issuer: "https://issuer.example", audience: "cap", scopesClaim: "scope", leewayS: 10)
        let token = try await TokenMaker.token(.hs256, ["nbf": .number(Double(TokenMaker.nowS + 10))])
        #expect(try await rejection(token, .hs256, rules: rules) == nil)
        #expect(try await rejection(token, .hs256, atS: TokenMaker.nowS - 1, rules: rules) == "is not valid yet")
        #expect(try await rejection(token, .hs256, atS: TokenMaker.nowS + 69, rules: rules) == nil)
        #expect(try await rejection(token, .hs256, atS: TokenMaker.nowS + 70, rules: rules) == "is expired")
    }

    @Test func criticalExtensionsAreNotUnderstood() async throws {
        let head = Array("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}".utf8)
        let unsigned = TokenMaker.raw(header: String(decoding: head, as: UTF8.self), claims: TokenMaker.claimsText)
        #expect(try await rejection(unsigned, .hs256) == "has critical extensions")
    }

    /// A library may decode the header before it checks the signature.
    @Test func aHostileHeaderCostsNothing() async throws {
        let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
        for member in ["1e300", "-1e300", "1e19", "1e400", deep, "{\"a\":\(deep)}"] {
            let token = TokenMaker.raw(
                header: "{\"alg\":\"HS256\",\"x\":\(member)}", claims: TokenMaker.claimsText,
                signature: [UInt8](repeating: 0, count: 32))
            #expect(try await rejection(token, .hs256) != nil, "\(member.prefix(8))")
        }
        let long = "{\"alg\":\"HS256\",\"x\":\"\(String(repeating: "x", count: 2_000))\"}"
        #expect(try await rejection(TokenMaker.raw(header: long, claims: "{}"), .hs256) == "is malformed")
    }

    /// Claims are read only if the signature is right.
    @Test func hostileClaimsAreNotRead() async throws {
        let claims = "{\"exp\":" + String(repeating: "[", count: 500) + String(repeating: "]", count: 500) + "}"
        let token = TokenMaker.raw(
            header: "{\"alg\":\"HS256\"}", claims: claims, signature: [UInt8](repeating: 0, count: 32))
        #expect(try await rejection(token, .hs256) == "has an invalid signature")
    }

    @Test func aTokenForAnotherPurposeIsRejected() async throws {
        for type in ["JWE", "logout+jwt", "id+jwt"] {
            let token = TokenMaker.raw(header: "{\"alg\":\"HS256\",\"typ\":\"\(type)\"}", claims: TokenMaker.claimsText)
            #expect(try await rejection(token, .hs256) == "is of another type than JWT")
        }
    }

    @Test func scopesComeFromTheClaimThatIsConfigured() async throws {
        let rules = JWTRules(issuer: "https://issuer.example", audience: "cap", scopesClaim: "roles", leewayS: 0)
        let token = try await TokenMaker.token(.hs256, ["roles": .list(["admin", "other", "metrics"])])
        let verifier = JWTVerifier(try await TokenMaker.keys(.hs256), rules)
        #expect(try verifier.verify(token, atS: TokenMaker.nowS).principal.scopes == [.admin, .metrics])
    }

    @Test func aTokenIsUTF8() async throws {
        let text = "{\"alg\":\"HS256\"}"
        for (header, claims) in [
            (Array(text.utf8), Array(TokenMaker.claimsText.utf8).map { $0 == UInt8(ascii: "l") ? 0xFF : $0 }),
            (Array("{\"alg\":\"HS256\",\"x\":\"".utf8) + [0xFF] + Array("\"}".utf8), Array(TokenMaker.claimsText.utf8)),
        ] {
            #expect(try await rejection(signed(header, claims), .hs256) == "is malformed")
        }
    }

    private func signed(_ header: [UInt8], _ claims: [UInt8]) -> String {
        let text = "\(Base64URL.encode(header)).\(Base64URL.encode(claims))"
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(text.utf8), using: SymmetricKey(data: Data(TokenMaker.secret.utf8)))
        return "\(text).\(Base64URL.encode(Array(code)))"
    }

    /// Parsers disagree on which of two equal members counts, so another service could see another subject.
    @Test(arguments: ["\"sub\":\"mallory\"", "\"s\\u0075b\" : \"mallory\"", "\"exp\":4000000000", "\"aud\":[\"cap\"]"])
    func noClaimIsRepeated(member: String) async throws {
        let header = Array("{\"alg\":\"HS256\"}".utf8)
        let claims = TokenMaker.claimsText
        for text in ["{\(member),\(claims.dropFirst())", "\(claims.dropLast()),\(member)}"] {
            #expect(try await rejection(signed(header, Array(text.utf8)), .hs256) == "is malformed")
        }
        // Names of other objects, and texts, are no names of claims.
        let nested = "{\"a\":{\"sub\":1},\"b\":[{\"sub\":2}],\"c\":\"sub\",\"d\":\"\\\"sub\\\":\",\(claims.dropFirst())"
        #expect(try await rejection(signed(header, Array(nested.utf8)), .hs256) == nil)
    }

    @Test func noMemberOfTheHeaderIsRepeated() async throws {
        for header in [
            "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{\"alg\":\"HS256\",\"kid\":\"a\",\"k\\u0069d\":\"b\"}",
        ] {
            let token = signed(Array(header.utf8), Array(TokenMaker.claimsText.utf8))
            #expect(try await rejection(token, .hs256) == "is malformed")
        }
    }

    @Test(arguments: ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "bnVsbA.bnVsbA.", "W10.W10.AA"])
    func aMalformedTokenIsRejected(token: String) async throws {
        for kind in TokenMaker.Kind.allCases { #expect(try await rejection(token, kind) != nil) }
    }
}

@Suite(.timeLimit(.minutes(20))) struct JWTKeysTests {
    private func problem(_ text: String) async -> String? {
        do throws(CredentialsError) {
            _ = try await JWTKeys.load(secret: nil, file: Array(text.utf8))
            return nil
        } catch { return error.description }
    }

    /// A key set with one key. It verifies a token with or without its `kid`, but not one with another `kid`.
    @Test func aKeySetVerifiesTheTokensOfItsKeys() async throws {
        let es256 = try #require(TokenMaker.es256.parameters)
        let set = """
            {"keys":[{"kty":"EC","crv":"P-256","kid":"one","x":"\(base64URL(es256.x))","y":"\(base64URL(es256.y))"}]}
            """
        let keys = try await JWTKeys.load(secret: nil, file: Array(set.utf8))
        let verifier = JWTVerifier(keys, TokenMaker.rules)
        for kid in ["one", nil] {
            let token = try await TokenMaker.token(.es256, kid: kid)
            #expect(try verifier.verify(token, atS: TokenMaker.nowS).principal.name == "jwt:alice")
        }
        let other = try await TokenMaker.token(.es256, kid: "two")
        #expect(throws: CredentialsError.self) { try verifier.verify(other, atS: TokenMaker.nowS) }
    }

    private func base64URL(_ text: String) -> String {
        text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// Identity providers publish keys for several purposes in one set.
    @Test func keysForOtherPurposesAreSkipped() async throws {
        let es256 = try #require(TokenMaker.es256.parameters)
        let (x, y) = (base64URL(es256.x), base64URL(es256.y))
        let set = """
            {"keys":[{"kty":"RSA","use":"enc","alg":"RSA-OAEP","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"c2VjcmV0"},
            {"kty":"EC","crv":"P-384","x":"AQAB","y":"AQAB"},{"kty":"new","alg":"XX512"},
            {"kty":"EC","crv":"P-256","use":"enc","kid":"enc","x":"\(x)","y":"\(y)"},
            {"kty":"EC","crv":"P-256","use":"sig","kid":"one","x":"\(x)","y":"\(y)"}]}
            """
        let keys = try await JWTKeys.load(secret: nil, file: Array(set.utf8))
        #expect(keys.keys.map(\.id) == ["one"])
    }

    @Test func privateKeysAreRefused() async {
        #expect(await problem(TokenMaker.es256.pemRepresentation) == "holds a private key: give the public one")
        #expect(await problem(TokenMaker.rsa.pemRepresentation) == "holds a private key: give the public one")
    }

    @Test func keysOfAnotherKindAreRefused() async throws {
        let problems = [
            await problem(P384.Signing.PrivateKey().publicKey.pemRepresentation),
            await problem("{\"keys\":[]}"), await problem("{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}"),
            await problem("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}"), await problem("hello"),
            await problem(""),
        ]
        for problem in problems { #expect(problem != nil) }
        #expect(problems[3] == "key 1 is an RSA key of less than 2048 bits")
    }
}
