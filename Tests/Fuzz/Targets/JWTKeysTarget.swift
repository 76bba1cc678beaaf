@testable import Authentication

/// Files of public keys: every key that is accepted is for one of the algorithms, and no private key is.
struct JWTKeysTarget: FuzzTarget {
    func check(_ input: FuzzInput) async throws(Finding) {
        var input = input
        let bytes = input.remainder()
        let keys: JWTKeys
        do throws(CredentialsError) { keys = try await JWTKeys.load(secret: nil, file: bytes) } catch {
            try require(!error.description.isEmpty, "an error without a text")
            return
        }
        try require(!keys.isEmpty && keys.keys.count <= JWTKeys.maxKeys, "\(keys.keys.count) keys")
        for key in keys.keys {
            try require(["RS256", "ES256", "EdDSA"].contains(key.algorithm.name), "a key for \(key.algorithm.name)")
        }
    }
}
