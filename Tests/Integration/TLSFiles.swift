import Foundation
import TLS
import TestSupport

/// The files of a service's certificate, in a directory that is removed at the end.
final class TLSFiles {
    static let nowS = Int64(Date().timeIntervalSince1970)
    static let validity = nowS - 3_600...nowS + 86_400

    let directory: URL
    let authority: CertificateAuthority

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        authority = try CertificateAuthority(name: "test authority", validity: Self.validity)
        try write(authority.pem, "ca.pem")
        try replacePair()
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// Replaces a file in one step. Only its owner can read it, as is expected of a key.
    func write(_ bytes: [UInt8], _ name: String) throws {
        let new = directory.appendingPathComponent(name + ".new")
        try Data(bytes).write(to: new)
        chmod(new.path, 0o600)
        guard rename(new.path, path(name)) == 0 else { throw TestFailure("cannot replace \(name)") }
    }

    func pair(validity: ClosedRange<Int64> = validity) throws -> CertificateAuthority.Issued {
        try authority.issue(
            to: "service", for: .server(names: ["localhost"], addresses: ["127.0.0.1"]), validity: validity)
    }

    /// Replaces certificate and key, which are in one file, so that no one reads one of them without the other.
    func replacePair(validity: ClosedRange<Int64> = validity) throws {
        let new = try pair(validity: validity)
        try write(new.certificate + new.key, "pair.pem")
    }

    var settings: [String: String] { ["TLS_CERT_FILE": path("pair.pem"), "TLS_KEY_FILE": path("pair.pem")] }

    func trust(own: CertificateAuthority.Issued? = nil) throws -> TLSClientSession.Credentials {
        try TLSClientSession.Credentials(authority: authority.pem, own: own)
    }
}
