import TLS

/// How clients in the lab verify services that serve HTTPS.
struct ServiceTLS: Equatable, Sendable {
    let trust: TLSClientSession.Credentials
    /// The file of the authority that signed the certificate of the services, for curl.
    let authorityPath: String

    static func == (first: ServiceTLS, second: ServiceTLS) -> Bool { first.authorityPath == second.authorityPath }
}

/// How curl reaches a service on this machine.
struct CurlTarget: Equatable, Sendable {
    let port: UInt16
    /// See ``ServiceTLS/authorityPath``; nil without TLS.
    var authorityPath: String?
    /// See ``ServiceToken/path``; nil without a token.
    var tokenPath: String?

    /// The options with which curl trusts the authority and sends the token, each followed by a space. Empty without
    /// TLS and token.
    var option: String {
        (authorityPath.map { "--cacert \($0) " } ?? "") + (tokenPath.map(ServiceToken.curlOption) ?? "")
    }
    var url: String { "\(authorityPath == nil ? "http" : "https")://127.0.0.1:\(port)" }
}
