import EventLoop
import Foundation
import Replication
import TLS
import TestSupport

@testable import Redis

/// An authority with its files, in a directory that is removed at the end.
final class RedisTLSFixture {
    static let nowS = Int64(Date().timeIntervalSince1970)
    static let validity = nowS - 3_600...nowS + 86_400

    private let directory: URL
    private let authority: CertificateAuthority

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("redis-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        authority = try CertificateAuthority(name: "test authority", validity: Self.validity)
        try writeAuthority("ca.pem")
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    var files: RedisTLSFiles { RedisTLSFiles(authorities: path("ca.pem")) }

    func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    func writeAuthority(_ name: String) throws { try write(authority.pem, to: path(name)) }

    func writeCertificate(
        _ name: String, for purpose: CertificateAuthority.Purpose, validity: ClosedRange<Int64> = validity
    ) throws {
        let issued = try authority.issue(to: name, for: purpose, validity: validity)
        try write(issued.certificate, to: path("\(name).crt"))
        try write(issued.key, to: path("\(name).key"))
    }

    /// Replaces a file in one step.
    static func copy(_ source: String, to path: String) throws {
        try Data(contentsOf: URL(fileURLWithPath: source)).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// Replaces a file in one step.
    func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// A server with a TLS port, and a certificate for these names and addresses.
    func server(
        names: [String] = [], addresses: [String] = ["127.0.0.1"], validity: ClosedRange<Int64> = validity,
        clientsNeedCertificates: Bool = false
    ) throws -> RedisTLSServer {
        let name = "server-\(UUID().uuidString)"
        try writeCertificate(name, for: .server(names: names, addresses: addresses), validity: validity)
        let port = try ReservedPort()
        let server = try RedisServer([
            "--tls-port", "\(port.port)", "--tls-ca-cert-file", path("ca.pem"), "--tls-cert-file",
            path("\(name).crt"), "--tls-key-file", path("\(name).key"), "--tls-auth-clients",
            clientsNeedCertificates ? "yes" : "no",
        ])
        return RedisTLSServer(server: server, tlsPort: port)
    }
}

/// A server with a plain port for the test and a TLS port for the service.
struct RedisTLSServer {
    let server: RedisServer
    let tlsPort: ReservedPort

    /// - Parameter host: a name that resolves to `127.0.0.1`, or that address.
    func group(
        _ reactor: Reactor, host: String = "127.0.0.1", _ settings: RedisGroupSettings
    ) throws -> RedisReplicaGroup {
        let endpoint = try RedisEndpoint(url: "rediss://\(host):\(tlsPort.port)")
        var settings = settings
        settings.lookUp = { _ in ["127.0.0.1"] }
        let group = RedisReplicaGroup(
            reactor: reactor, replicas: [RedisReplica(name: "g1", endpoint: endpoint)], scripts: [], settings: settings)
        group.identityCheck = .plain("GET", "guard")
        group.start()
        return group
    }
}
