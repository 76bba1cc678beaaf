import Glibc

/// The host names and addresses by which clients may address a server.
///
/// Without this check, a web page can reach a server on loopback or in a private network. The page's host name then
/// resolves to the address of the server (DNS rebinding), so the browser treats the page and the server as one origin.
/// IP addresses cannot be misused in this way.
public struct AllowedHosts: Sendable {
    /// Names and addresses in lower case, without port and brackets.
    private let names: Set<String>
    /// The names of patterns such as `.example.org`, without the leading dot. Each allows itself and its subdomains.
    private let domains: [String]
    private let allowsAll: Bool
    private let allowsAddresses: Bool

    /// The names and addresses by which every machine reaches itself.
    private static let loopbackNames = ["localhost", "127.0.0.1", "::1"]

    /// - Parameters:
    ///   - patterns: names or addresses; `.example.org` for a name and its subdomains; `*` for all. Loopback's names
    ///     are always allowed.
    ///   - own: further names or addresses, which are not patterns.
    ///   - allowsAddresses: true for a server that listens on all addresses of its machine: every IP address is
    ///     allowed.
    public init(_ patterns: [String], own: [String] = [], allowsAddresses: Bool = false) {
        let patterns = patterns.map { $0.lowercased() }
        let whole = patterns.filter { !$0.hasPrefix(".") } + own.map { $0.lowercased() }
        names = Set(whole.map { Self.withoutBrackets($0[...]) } + Self.loopbackNames)
        domains = patterns.filter { $0.hasPrefix(".") }.map { String($0.dropFirst()) }
        allowsAll = patterns.contains("*")
        self.allowsAddresses = allowsAddresses
    }

    /// Whether `text` can be a pattern: a name, an address, `.name`, or `*`.
    public static func isPattern(_ text: String) -> Bool {
        if text == "*" || isAddress(withoutBrackets(text[...])) { return true }
        let name = text.hasPrefix(".") ? text.dropFirst() : text[...]
        return !name.isEmpty && !name.hasSuffix(".")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// - Parameter authority: the value of a `Host` field: a name or an address, and an optional port.
    public func allows(_ authority: String) -> Bool {
        if allowsAll { return true }
        let authority = authority.lowercased()
        let afterBracket = authority.lastIndex(of: "]").map { authority.index(after: $0) } ?? authority.startIndex
        let end = authority[afterBracket...].firstIndex(of: ":") ?? authority.endIndex
        guard authority[end...].dropFirst().allSatisfy({ $0.isASCII && $0.isNumber }) else { return false }
        var host = Self.withoutBrackets(authority[..<end])
        // A fully qualified name may end with a dot.
        if host.hasSuffix(".") { host.removeLast() }
        if names.contains(host) || (allowsAddresses && Self.isAddress(host)) { return true }
        return domains.contains { host == $0 || host.hasSuffix("." + $0) }
    }

    private static func withoutBrackets(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }

    private static func isAddress(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1
    }
}
