import FoundationEssentials
import JWTKit

/// The keys that verify JSON Web Tokens. Each key is for one algorithm, and does not verify a token that names another
/// one. So a public key is never used as the secret of HS256 (RFC 8725, section 3.1).
public struct JWTKeys: Sendable {
    struct Key: Sendable {
        /// The `kid` of a key in a key set; nil if it has none.
        let id: String?
        let algorithm: any JWTAlgorithm
    }

    let keys: [Key]

    public static let none = JWTKeys(keys: [])
    static let maxKeys = 16
    /// The longest key file, in bytes.
    public static let maxBytes = 256 << 10
    /// The shortest secret of HS256, in bytes: as long as the digest (RFC 7518, section 3.2).
    public static let leastSecretBytes = 32
    private static let leastModulusBits = 2_048

    public var isEmpty: Bool { keys.isEmpty }

    /// - Parameters:
    ///   - secret: the key of HS256; nil for none.
    ///   - file: public keys: a JSON Web Key Set (RFC 7517), or one key as PEM; nil for none.
    /// - Throws: an error whose description contains no part of a key.
    public static func load(secret: String?, file: [UInt8]?) async throws(CredentialsError) -> JWTKeys {
        var keys: [Key] = []
        if let secret {
            let collection = JWTKeyCollection()
            await collection.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
            keys.append(try await key(of: collection, id: nil, algorithm: "HS256"))
        }
        if let file {
            guard let text = String(validating: file, as: UTF8.self) else {
                throw CredentialsError("is not UTF-8 text")
            }
            keys += text.contains("-----BEGIN ") ? [try await key(pem: text)] : try await self.keys(json: text)
        }
        return JWTKeys(keys: keys)
    }

    private static func key(pem: String) async throws(CredentialsError) -> Key {
        guard !pem.contains("PRIVATE KEY-----") else {
            throw CredentialsError("holds a private key: give the public one")
        }
        let collection = JWTKeyCollection()
        if let key = try? Insecure.RSA.PublicKey(pem: pem) {
            let bits = ((try? key.getKeyPrimitives().modulus.count) ?? 0) * 8
            guard bits >= leastModulusBits else { throw .shortModulus }
            await collection.add(rsa: key, digestAlgorithm: .sha256)
            return try await self.key(of: collection, id: nil, algorithm: "RS256")
        }
        if let key = try? ES256PublicKey(pem: pem) {
            await collection.add(ecdsa: key)
            return try await self.key(of: collection, id: nil, algorithm: "ES256")
        }
        if let key = try? EdDSA.PublicKey(pem: pem) {
            await collection.add(eddsa: key)
            return try await self.key(of: collection, id: nil, algorithm: "EdDSA")
        }
        throw CredentialsError("is no public key of RSA, P-256 or Ed25519")
    }

    private static func keys(json: String) async throws(CredentialsError) -> [Key] {
        let set: KeySet
        do { set = try JSONDecoder().decode(KeySet.self, from: Data(json.utf8)) } catch {
            throw CredentialsError("is neither PEM nor a JSON Web Key Set")
        }
        guard set.keys.count <= maxKeys else { throw CredentialsError("holds more than \(maxKeys) keys") }
        var keys: [Key] = []
        for (index, entry) in set.keys.enumerated() {
            guard let jwk = entry.key else { continue }
            do throws(CredentialsError) { keys.append(try await key(jwk, index)) } catch {
                throw CredentialsError("key \(index + 1) \(error.description)")
            }
        }
        guard !keys.isEmpty else { throw CredentialsError("holds no public key for RS256, ES256 or EdDSA") }
        return keys
    }

    /// A key set. Keys for other purposes or algorithms are skipped (RFC 7517, section 5).
    private struct KeySet: Decodable {
        let keys: [Entry]

        struct Entry: Decodable {
            /// Nil for a key that cannot verify RS256, ES256 or EdDSA.
            let key: JWK?

            private enum Name: String, CodingKey {
                case use, alg, crv
            }

            init(from decoder: any Decoder) throws {
                let members = try decoder.container(keyedBy: Name.self)
                func isUsual(_ name: Name, _ usual: Set<String>) -> Bool {
                    guard members.contains(name) else { return true }
                    return (try? members.decode(String.self, forKey: name)).map(usual.contains) ?? false
                }
                let isOurs =
                    isUsual(.use, ["sig"]) && isUsual(.alg, ["RS256", "ES256", "EdDSA"])
                    && isUsual(.crv, ["P-256", "Ed25519"])
                key = isOurs ? try? JWK(from: decoder) : nil
            }
        }
    }

    private static func key(_ jwk: JWK, _ index: Int) async throws(CredentialsError) -> Key {
        guard jwk.privateExponent == nil else { throw CredentialsError("is a private key: give the public one") }
        let name: String
        switch jwk.keyType {
        case .rsa:
            name = "RS256"
            // Base64url has 6 bits per character.
            guard (jwk.modulus?.utf8.count ?? 0) * 6 >= leastModulusBits else { throw .shortModulus }
        case .ecdsa: name = "ES256"
        default: name = "EdDSA"
        }
        guard jwk.algorithm.map({ $0.rawValue == name }) ?? true else {
            throw CredentialsError("is for another algorithm than RS256, ES256 or EdDSA")
        }
        let id = jwk.keyIdentifier?.string
        var named = jwk
        named.keyIdentifier = JWKIdentifier(string: id ?? "key \(index)")
        let collection = JWTKeyCollection()
        do { try await collection.add(jwk: named) } catch { throw CredentialsError("is malformed") }
        return try await key(of: collection, id: id, algorithm: name)
    }

    private static func key(
        of collection: JWTKeyCollection, id: String?, algorithm name: String
    ) async throws(CredentialsError) -> Key {
        guard let algorithm = try? await collection.getKey(alg: name), algorithm.name == name else {
            throw CredentialsError("is malformed, or on a curve other than P-256 and Ed25519")
        }
        return Key(id: id, algorithm: algorithm)
    }
}

extension CredentialsError {
    fileprivate static var shortModulus: CredentialsError { CredentialsError("is an RSA key of less than 2048 bits") }
}
