import Authentication

/// The settings with which bearer tokens are verified.
public struct AuthenticationSettings: Sendable {
    /// `AUTH_TOKENS_FILE`; nil for none.
    let tokensPath: String?
    /// `JWT_KEYS_FILE`; nil for none.
    let keysPath: String?
    /// `JWT_HS256_KEY`; nil for none.
    let secret: String?
    /// Issuer and audience are set if there is a key.
    private let rules: JWTRules

    /// The files, for ``WatchedFiles``.
    var paths: [String] { [tokensPath, keysPath].compactMap { $0 } }

    /// Whether requests need a token.
    var isOn: Bool { tokensPath != nil || keysPath != nil || secret != nil }

    init(from reader: inout SettingsReader) {
        let tokensPath = reader.string(
            "AUTH_TOKENS_FILE", default: "",
            help: "File of bearer tokens, one line for each; 'token' makes one. Empty for none.")
        reader.noteSecretFile("AUTH_TOKENS_FILE", tokensPath)
        let keysPath = reader.string(
            "JWT_KEYS_FILE", default: "",
            help: "Public keys of JSON Web Tokens: a key set (JWKS), or one key as PEM. Empty for none.")
        let secret = reader.secret(
            "JWT_HS256_KEY", default: "",
            help: "Key of JSON Web Tokens with HS256; at least \(JWTKeys.leastSecretBytes) characters. Empty for none."
        ) { text throws(SettingError) in
            if !text.isEmpty, text.utf8.count < JWTKeys.leastSecretBytes {
                throw SettingError("must have \(JWTKeys.leastSecretBytes) characters or more, or be empty")
            }
        }
        let needsRules = !keysPath.isEmpty || !secret.isEmpty
        func required(_ name: String, _ help: String) -> String {
            let text = reader.string(name, default: "", help: help)
            if needsRules, text.isEmpty {
                reader.reject(name, "must be set, because JWT_KEYS_FILE or JWT_HS256_KEY is")
            }
            return text
        }
        rules = JWTRules(
            issuer: required("JWT_ISSUER", "The 'iss' that a JSON Web Token must have."),
            audience: required("JWT_AUDIENCE", "The 'aud' that a JSON Web Token must have."),
            scopesClaim: reader.string(
                "JWT_SCOPES_CLAIM", default: "scope", help: "The claim of a JSON Web Token that lists its scopes."),
            leewayS: reader.integer(
                "JWT_LEEWAY_SEC", default: 0, in: 0...300,
                help: "How far the clock of the issuer may be off, in seconds."))
        self.tokensPath = tokensPath.isEmpty ? nil : tokensPath
        self.keysPath = keysPath.isEmpty ? nil : keysPath
        self.secret = secret.isEmpty ? nil : secret
    }

    /// The content of the files.
    struct Files: Sendable {
        var tokens: [UInt8]?
        var keys: [UInt8]?
    }

    /// Reads the files. Blocks, so it must not run on the reactor's thread.
    func readFiles() throws(SettingError) -> Files {
        Files(
            tokens: try Self.read(tokensPath, of: "AUTH_TOKENS_FILE", maxBytes: TokenList.maxBytes),
            keys: try Self.read(keysPath, of: "JWT_KEYS_FILE", maxBytes: JWTKeys.maxBytes))
    }

    private static func read(_ path: String?, of name: String, maxBytes: Int) throws(SettingError) -> [UInt8]? {
        guard let path else { return nil }
        guard let bytes = SecretFile.read(path, maxSize: maxBytes) else {
            throw SettingError("\(name) cannot be read, or is longer than \(maxBytes) bytes")
        }
        return bytes
    }

    /// - Returns: nil if requests need no token.
    func credentials(from files: Files) async throws(SettingError) -> Credentials? {
        guard isOn else { return nil }
        let tokens: TokenList
        do throws(CredentialsError) { tokens = try files.tokens.map(TokenList.init(parsing:)) ?? .empty } catch {
            throw SettingError("AUTH_TOKENS_FILE \(error)")
        }
        do throws(CredentialsError) {
            let keys = try await JWTKeys.load(secret: secret, file: files.keys)
            return Credentials(tokens: tokens, keys: keys, rules: rules)
        } catch {
            throw SettingError("JWT_KEYS_FILE \(error)")
        }
    }
}
