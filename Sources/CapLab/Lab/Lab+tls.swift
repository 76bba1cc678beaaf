import FoundationEssentials
import Glibc
import TLS

extension Lab {
    /// How long the certificates are valid: longer than anybody runs a lab.
    private static let validS: Int64 = 30 * 86_400

    /// Makes a certificate authority, and a certificate for the services that it signs. The key of the authority is not
    /// kept.
    func makeCertificate() throws(LabError) {
        guard settings.programs.hasTLS else { return }
        guard settings.bug == nil else {
            throw LabError(
                "--tls and --break do not work together: the faulty proxy reads requests and answers, and has no TLS",
                exitCode: 2)
        }
        let nowS = Int64(time(nil))
        // Valid from one day ago, because clocks of nodes may be set back, see SteppedClock.
        let validity = nowS - 86_400...nowS + Self.validS
        do {
            let authority = try CertificateAuthority(name: "caplab", validity: validity)
            let service = try authority.issue(
                to: "caplab services", for: .server(names: ["localhost"], addresses: ["127.0.0.1", "::1"]),
                validity: validity)
            try Self.write(authority.pem, to: runDirectory.authorityPath)
            try Self.write(service.certificate + service.key, to: runDirectory.certificatePath)
            resources.tls = ServiceTLS(
                trust: try TLSClientSession.Credentials(authority: authority.pem),
                authorityPath: runDirectory.authorityPath)
        } catch let error as LabError {
            throw error
        } catch {
            throw LabError("cannot make a certificate: \(error)")
        }
    }

    /// Writes a new file. It has mode 600 from its creation on, because it may contain a key.
    private static func write(_ bytes: [UInt8], to path: String) throws(LabError) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LabError(systemCall: "cannot make \(path)") }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw LabError(systemCall: "cannot write \(path)")
        }
    }

    /// The TLS settings of the services. Without TLS they are empty, so that services ignore TLS settings in the
    /// environment of the lab.
    var tlsEnvironment: [String: String] {
        let path = settings.programs.hasTLS ? runDirectory.certificatePath : ""
        return ["TLS_CERT_FILE": path, "TLS_KEY_FILE": path, "TLS_CLIENT_CA_FILE": ""]
    }

    func curlTarget(_ service: String) -> CurlTarget {
        CurlTarget(
            port: ports[service] ?? 0, authorityPath: resources.tls?.authorityPath, tokenPath: settings.token?.path)
    }
}
