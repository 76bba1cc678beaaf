import Glibc
import HTTP

/// The settings that decide which requests are accepted.
public struct AccessSettings: Sendable {
    public let hosts: AllowedHosts
    public let origins: AllowedOrigins
    public let authentication: AuthenticationSettings
    public let proxies: TrustedProxies
    private let isOnLoopback: Bool
    /// `ALLOW_UNAUTHENTICATED`.
    private let isOpen: Bool
    /// Why a service with these settings must not start. Operators' commands ignore this, because they do not accept
    /// requests.
    private(set) var exposures: [SettingError] = []

    /// - Parameters:
    ///   - host: the address that the service listens on.
    ///   - nodeID: also the service's host name in Docker Compose.
    init(host: String, nodeID: String, from reader: inout SettingsReader) {
        let listensEverywhere = ["0.0.0.0", "::"].contains(host)
        authentication = AuthenticationSettings(from: &reader)
        isOpen = reader.boolean(
            "ALLOW_UNAUTHENTICATED", default: false,
            help: "true: serve without authentication on other addresses than loopback's, too.")
        isOnLoopback = Self.isLoopback(host)
        if !isOpen, !isOnLoopback, !authentication.isOn { exposures.append(.unauthenticated) }
        hosts = reader.value(
            "ALLOWED_HOSTS", default: "",
            help: "Host names of this service beside loopback's, HTTP_BIND and NODE_ID; separated by commas. "
                + ".example.org includes subdomains, * allows all. With HTTP_BIND=0.0.0.0 or ::, every address is one."
        ) { text throws(SettingError) in
            let names = try Self.list(text, of: "host names", where: AllowedHosts.isPattern)
            return AllowedHosts(names, own: [host, nodeID], allowsAddresses: listensEverywhere)
        }
        origins = reader.value(
            "CORS_ALLOWED_ORIGINS", default: "",
            help: "Origins of web pages that may use this service, such as https://example.org; separated by commas."
        ) { text throws(SettingError) in
            AllowedOrigins(try Self.list(text, of: "origins such as https://host:port", where: AllowedOrigins.isOrigin))
        }
        proxies = reader.value(
            "TRUSTED_PROXIES", default: "",
            help: "Addresses of proxies, or blocks such as 10.0.0.0/8, separated by commas. Their X-Forwarded-For "
                + "names the client of a request."
        ) { text throws(SettingError) in
            TrustedProxies(try Self.list(text, of: "addresses or blocks", where: TrustedProxies.isBlock))
        }
    }

    /// Records secrets that are easy to guess, unless the service listens on loopback. Rejects a `JWT_HS256_KEY` that
    /// is also a `SECRET_KEY`, because an issuer of tokens could then forge contexts.
    mutating func check(secrets: [(name: String, value: String)], from reader: inout SettingsReader) {
        let own = authentication.secret ?? ""
        if !own.isEmpty, secrets.contains(where: { $0.value == own }) {
            reader.reject("JWT_HS256_KEY", "must not be SECRET_KEY or SECRET_KEY_FALLBACK")
        }
        let ownSecret = [("JWT_HS256_KEY", own)]
        let checked = isOnLoopback ? [] : isOpen ? ownSecret : secrets + ownSecret
        for (name, value) in checked where !value.isEmpty && (value.utf8.count < 32 || Self.isPlaceholder(value)) {
            exposures.append(
                SettingError("\(name) is short or a placeholder, and HTTP_BIND is not an address of loopback"))
        }
    }

    /// Whether the secret looks like a placeholder in an example, including those of this project.
    static func isPlaceholder(_ secret: String) -> Bool {
        let secret = secret.lowercased()
        return ["put-", "local-"].contains(where: secret.hasPrefix)
            || ["changeme", "change-me", "placeholder", "example"].contains(where: secret.contains)
            || Set(secret).count < 8
    }

    static func isLoopback(_ host: String) -> Bool {
        var address = in_addr()
        if inet_pton(AF_INET, host, &address) == 1 { return UInt32(bigEndian: address.s_addr) >> 24 == 127 }
        return ["localhost", "::1"].contains(host)
    }

    private static func list(
        _ text: String, of what: String, where isGood: (String) -> Bool
    ) throws(SettingError) -> [String] {
        let items = text.split(separator: ",").map { item in
            let start = item.firstIndex { $0 != " " } ?? item.endIndex
            let end = item.lastIndex { $0 != " " }.map { item.index(after: $0) } ?? start
            return String(item[start..<end])
        }
        if let bad = items.first(where: { !isGood($0) }) {
            throw SettingError("must list \(what), separated by commas, not '\(bad)'")
        }
        return items
    }
}

extension SettingError {
    fileprivate static var unauthenticated: SettingError {
        SettingError(
            "HTTP_BIND is not an address of loopback, and requests need no token: set AUTH_TOKENS_FILE, JWT_KEYS_FILE or "
                + "JWT_HS256_KEY; or let everybody in with ALLOW_UNAUTHENTICATED=true")
    }
}
