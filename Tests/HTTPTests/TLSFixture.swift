import Glibc
import HTTP
import TLS

/// An authority with certificates for a test's server and clients.
struct TLSFixture: Sendable {
    let server: CertificateAuthority.Issued
    let client: CertificateAuthority.Issued
    let authority: [UInt8]

    static let nowS = Int64(time(nil))
    static let validity = nowS - 3_600...nowS + 3_600

    init() throws {
        let made = try CertificateAuthority(name: "test authority", validity: Self.validity)
        server = try made.issue(
            to: "server", for: .server(names: ["localhost"], addresses: ["127.0.0.1"]), validity: Self.validity)
        client = try made.issue(to: "client", for: .client, validity: Self.validity)
        authority = made.pem
    }

    /// - Parameter clientCA: the authority of clients; nil if they need no certificate.
    func credentials(clientCA: [UInt8]? = nil) throws -> TLSCredentials {
        try TLSCredentials(
            certificate: server.certificate, key: server.key, clientCA: clientCA, nowS: Self.nowS)
    }

    /// Those of a client that trusts the authority.
    func trust(own: CertificateAuthority.Issued? = nil) throws -> TLSClientSession.Credentials {
        try TLSClientSession.Credentials(authority: authority, own: own)
    }
}

extension TestServer {
    func connect(
        _ credentials: TLSClientSession.Credentials, from number: UInt32 = 1,
        priorities: String = TLSClientSession.defaultPriorities
    ) throws -> TestClient {
        let client = try connect(from: number)
        try client.startTLS(credentials, priorities: priorities)
        return client
    }

    /// Collects how handshakes end.
    func collectHandshakes() -> Box<[HandshakeResult]> {
        let results = Box<[HandshakeResult]>([])
        withServer { $0.onHandshake = { results.value.append($0) } }
        return results
    }
}
