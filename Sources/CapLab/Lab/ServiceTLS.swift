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

    /// The option with which curl trusts the authority, followed by a space; empty without TLS.
    var option: String { authorityPath.map { "--cacert \($0) " } ?? "" }
    var url: String { "\(authorityPath == nil ? "http" : "https")://127.0.0.1:\(port)" }
}
