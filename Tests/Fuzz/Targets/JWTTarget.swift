import ByteCoding
import Crypto
import Foundation

@testable import Authentication

/// Only tokens that the harness signs with an accepted key, for an accepted purpose, are accepted.
struct JWTTarget: FuzzTarget {
    private static let nowS: Int64 = 1_800_000_000
    private static let secret = "a secret of at least 32 characters"
    private static let edKey = try! Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](1...32))
    private static let foreignEdKey = try! Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](2...33))
    private static let esKey = try! P256.Signing.PrivateKey(rawRepresentation: [UInt8](1...32))

    private let verifier: JWTVerifier

    init() async {
        let es = Self.esKey.publicKey.rawRepresentation
        let keys = """
            {"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"\(Base64URL.encode([UInt8](Self.edPublic)))"},
            {"kty":"EC","crv":"P-256","kid":"es","x":"\(Base64URL.encode([UInt8](es.prefix(32))))",
            "y":"\(Base64URL.encode([UInt8](es.suffix(32))))"}]}
            """
        let rules = JWTRules(issuer: "i", audience: "a", scopesClaim: "scope", leewayS: 0)
        verifier = JWTVerifier(try! await JWTKeys.load(secret: Self.secret, file: Array(keys.utf8)), rules)
    }

    private static var edPublic: Data { edKey.publicKey.rawRepresentation }

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        switch input.below(4) {
        case 0: try checkText(input.remainder())
        case 1: try checkRaw(&input)
        default: try checkModel(&input)
        }
    }

    private func principal(_ token: String) -> String? {
        try? verifier.verify(token, atS: Self.nowS).principal.name
    }

    /// No text is a token unless it was signed.
    private func checkText(_ bytes: [UInt8]) throws(Finding) {
        let text = String(decoding: bytes, as: UTF8.self)
        try require(principal(text) == nil, "\(text) is accepted")
        let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        let token = parts.map { Base64URL.encode(Array($0)) }.joined(separator: ".")
        try require(principal(token) == nil, "\(token) is accepted")
    }

    /// Any header and claims, with a valid signature: whoever is accepted has a subject and is not expired.
    private func checkRaw(_ input: inout FuzzInput) throws(Finding) {
        let header = input.text(until: 0)
        let claims = input.remainder()
        guard let token = Self.signed(header, claims, by: .secret) else { return }
        guard let (principal, expiresS) = try? verifier.verify(token, atS: Self.nowS) else { return }
        try require(expiresS > Self.nowS, "an expired token is accepted: \(quoted(claims))")
        let subject = principal.name.dropFirst(4)
        try require((1...128).contains(subject.utf8.count), "a subject of \(subject.utf8.count) bytes")
        // Another parser, which accepts less, agrees about who it is.
        guard let found = try? JSONSerialization.jsonObject(with: Data(claims)) as? [String: Any] else { return }
        try require(found["sub"] as? String == String(subject), "another subject than \(subject): \(quoted(claims))")
    }

    // MARK: Tokens of which it is known whether they are valid

    private enum Signer: CaseIterable {
        case secret, ed, foreignEd, publicKeyAsSecret, none
    }

    private static func signed(_ header: [UInt8], _ claims: [UInt8], by signer: Signer) -> String? {
        let text = "\(Base64URL.encode(header)).\(Base64URL.encode(claims))"
        let message = Data(text.utf8)
        let signature: [UInt8]
        switch signer {
        case .secret: signature = mac(message, key: Data(secret.utf8))
        case .publicKeyAsSecret: signature = mac(message, key: edPublic)
        case .ed: signature = (try? edKey.signature(for: message)).map(Array.init) ?? []
        case .foreignEd: signature = (try? foreignEdKey.signature(for: message)).map(Array.init) ?? []
        case .none: signature = []
        }
        return "\(text).\(Base64URL.encode(signature))"
    }

    private static func mac(_ message: Data, key: Data) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }

    /// A member of an object as JSON, and whether a token with it may be accepted.
    private typealias Choice = (json: String?, isGood: Bool)

    private static let members: [(name: String, choices: [Choice])] = [
        ("iss", [("\"i\"", true), ("\"j\"", false), (nil, false), ("[\"i\"]", false), ("1", false)]),
        ("aud", [("\"a\"", true), ("[\"b\",\"a\"]", true), ("\"b\"", false), (nil, false), ("[]", false)]),
        ("exp", [("1800000001", true), ("1800000000", false), (nil, false), ("1e300", true), ("\"9\"", false)]),
        ("nbf", [(nil, true), ("1800000000", true), ("1800000001", false), ("\"\"", false), ("-1e300", true)]),
        ("sub", [("\"s\"", true), ("\"\"", false), (nil, false), ("\"\\u0000\"", false), ("7", false)]),
        ("scope", [(nil, true), ("\"read write\"", true), ("[\"admin\"]", true), ("{}", true), ("1", true)]),
    ]
    private static let typeChoices: [Choice] = [
        (nil, true), ("\"JWT\"", true), ("\"at+jwt\"", true), ("\"JWE\"", false), ("1", false),
    ]
    private static let keyIDs: [String?] = [nil, "\"ed\"", "\"es\"", "\"zz\"", "7"]

    private func checkModel(_ input: inout FuzzInput) throws(Finding) {
        let signer = input.pick(Signer.allCases)
        let algorithm = input.pick(["HS256", "EdDSA", "ES256", "none", "hs256", "HS384", "RS256"])
        let keyID = input.pick(Self.keyIDs)
        let type = input.pick(Self.typeChoices)
        let isCritical = input.below(8) == 7
        var header = ["\"alg\":\"\(algorithm)\""]
        if let keyID { header.append("\"kid\":\(keyID)") }
        if let text = type.json { header.append("\"typ\":\(text)") }
        if isCritical { header.append("\"crit\":[\"exp\"]") }
        var isGood = type.isGood && !isCritical
        var claims: [String] = []
        for (name, choices) in Self.members {
            let choice = input.pick(choices)
            if let json = choice.json { claims.append("\"\(name)\":\(json)") }
            isGood = isGood && choice.isGood
        }
        let isKey: Bool =
            switch (signer, algorithm) {
            // The secret has no ID, so it stands for any text.
            case (.secret, "HS256"): keyID != "7"
            case (.ed, "EdDSA"): keyID == nil || keyID == "\"ed\""
            default: false
            }
        guard
            let token = Self.signed(
                Array("{\(header.joined(separator: ","))}".utf8), Array("{\(claims.joined(separator: ","))}".utf8),
                by: signer)
        else { return }
        let name = principal(token)
        let isExpected = isGood && isKey
        try require((name != nil) == isExpected, "\(header) \(claims) by \(signer) is \(name ?? "rejected")")
        try require(name == nil || name == "jwt:s", "the subject \(name ?? "")")

        // A valid token with one change.
        guard isExpected else { return }
        var altered = Array(token.utf8)
        let index = input.below(altered.count)
        switch input.below(3) {
        case 0: altered[index] = input.byte()
        case 1: altered.remove(at: index)
        default: altered.insert(input.byte(), at: index)
        }
        let text = String(decoding: altered, as: UTF8.self)
        try require(text == token || principal(text) == nil, "\(text) is as good as \(token)")
    }
}
