import ByteCoding
import Crypto
import HTTP

/// Bearer tokens that an operator issued (RFC 6750), from the lines of `AUTH_TOKENS_FILE`:
///
/// ```
/// # name    scopes       SHA-256 of the token     the keys that it may use begin with (percent-encoded)
/// orders    read,write   sha256:9f86d081884c7d…   key-prefix=orders%2F
/// ```
///
/// The file contains only digests, so it does not reveal a token. Several lines may have the same name, so that a token
/// can be replaced by another without an interruption.
public struct TokenList: Sendable {
    /// By the SHA-256 digest of the token.
    private let principals: [[UInt8]: Principal]

    /// The longest file, in bytes.
    public static let maxBytes = 256 << 10
    static let maxTokens = 1_000
    static let maxNameBytes = 64

    public static let empty = TokenList(principals: [:])

    private init(principals: [[UInt8]: Principal]) { self.principals = principals }

    /// - Throws: the first problem, with the number of its line. The description never contains the line.
    public init(parsing bytes: [UInt8]) throws(CredentialsError) {
        // A file that is being written may end anywhere. A truncated line could permit more than the complete one.
        guard bytes.last == UInt8(ascii: "\n") else { throw CredentialsError("does not end with a line feed") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw CredentialsError("is not UTF-8 text") }
        var principals: [[UInt8]: Principal] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            do throws(CredentialsError) {
                let (digest, principal) = try Self.token(fields)
                guard principals.updateValue(principal, forKey: digest) == nil else {
                    throw CredentialsError("has the same token as an earlier line")
                }
            } catch { throw CredentialsError("line \(index + 1) \(error.description)") }
        }
        guard principals.count <= Self.maxTokens else {
            throw CredentialsError("has more than \(Self.maxTokens) tokens")
        }
        self.init(principals: principals)
    }

    public var isEmpty: Bool { principals.isEmpty }

    /// The principal of this token; nil if the token is not in the list.
    func principal(of token: some StringProtocol) -> Principal? {
        // The look-up uses the digest, so its duration does not reveal other tokens.
        principals[Array(SHA256.hash(data: Array(token.utf8)))]
    }

    /// A line of the file.
    public static func line(name: String, scopes: Set<Scope>, token: String, keyPrefix: [UInt8] = []) -> String {
        let digest = hexadecimalText(SHA256.hash(data: Array(token.utf8)))
        let names = Scope.allCases.filter(scopes.contains).map(\.rawValue).joined(separator: ",")
        let prefix = keyPrefix.isEmpty ? "" : " key-prefix=\(PercentEncoding.encode(keyPrefix))"
        return "\(name) \(names) sha256:\(digest)\(prefix)"
    }

    /// Whether `text` can be a name: a letter, and then letters, digits, `.`, `_` and `-`. So a name cannot be mistaken
    /// for an IP address.
    public static func isName(_ text: some StringProtocol) -> Bool {
        (1...maxNameBytes).contains(text.utf8.count) && text.first?.isLetter == true
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }

    /// Whether a token can have these scopes with this key prefix. `admin` needs an empty prefix, because its endpoints
    /// show all keys.
    public static func isAllowed(_ scopes: Set<Scope>, keyPrefix: [UInt8]) -> Bool {
        keyPrefix.isEmpty || !scopes.contains(.admin)
    }

    // MARK: Parsing

    private static func token(_ fields: [Substring]) throws(CredentialsError) -> ([UInt8], Principal) {
        guard (3...4).contains(fields.count) else {
            throw CredentialsError("is not: name scopes sha256:digest [key-prefix=…]")
        }
        guard isName(fields[0]) else {
            throw CredentialsError(
                "has a name that is not a letter and up to \(maxNameBytes - 1) letters, digits, '.', '_' or '-'")
        }
        let scopes = try scopes(fields[1])
        let prefix = fields.count == 4 ? try keyPrefix(fields[3]) : []
        guard isAllowed(scopes, keyPrefix: prefix) else {
            throw CredentialsError("has the scope admin, which is for all keys, and a key-prefix")
        }
        return (try digest(fields[2]), Principal(name: String(fields[0]), scopes: scopes, keyPrefix: prefix))
    }

    /// - Parameter text: names, separated by commas.
    public static func scopes(_ text: some StringProtocol) throws(CredentialsError) -> Set<Scope> {
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        let scopes = names.compactMap { Scope(rawValue: String($0)) }
        guard scopes.count == names.count else {
            let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
            throw CredentialsError("has a scope that is none of \(known)")
        }
        return Set(scopes)
    }

    private static func digest(_ text: Substring) throws(CredentialsError) -> [UInt8] {
        let digits = Array(text.utf8.dropFirst("sha256:".utf8.count))
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
        }
        guard text.hasPrefix("sha256:"), digits.count == 2 * SHA256.byteCount, bytes.count == SHA256.byteCount,
            !digits.contains(UInt8(ascii: "+"))
        else { throw CredentialsError("has no digest: sha256: and 64 hexadecimal digits") }
        return bytes
    }

    private static func keyPrefix(_ text: Substring) throws(CredentialsError) -> [UInt8] {
        let name = "key-prefix="
        guard text.hasPrefix(name), let prefix = PercentEncoding.decode(Array(text.utf8.dropFirst(name.count))[...]),
            !prefix.isEmpty
        else { throw CredentialsError("has a fourth field that is not key-prefix= and a percent-encoded text") }
        return prefix
    }
}

/// Why credentials cannot be used, as the end of a sentence that begins with their source. The text contains no part of
/// the credentials.
public struct CredentialsError: Error, CustomStringConvertible, Equatable {
    public let description: String
    public init(_ description: String) { self.description = description }
}
