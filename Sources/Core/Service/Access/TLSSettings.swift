import Glibc
import HTTP

/// The files of a server's certificate; TLS is on if they are set.
public struct TLSSettings: Sendable {
    /// The longest file, in bytes: enough for any usual chain of certificates or list of authorities.
    static let maxBytes = 1 << 20

    private let certificatePath: String
    private let keyPath: String
    private let clientCAPath: String

    public var isOn: Bool { !certificatePath.isEmpty && !keyPath.isEmpty }
    /// Whether clients need a certificate.
    var needsClientCertificate: Bool { isOn && !clientCAPath.isEmpty }
    /// The files, for ``WatchedFiles``.
    var paths: [String] { isOn ? [certificatePath, keyPath, clientCAPath].filter { !$0.isEmpty } : [] }

    init(from reader: inout SettingsReader) {
        certificatePath = reader.string(
            "TLS_CERT_FILE", default: "",
            help: "Certificate of this service, and those between it and the root, as PEM. Empty: no TLS.")
        keyPath = reader.string("TLS_KEY_FILE", default: "", help: "Private key of the certificate, as PEM.")
        clientCAPath = reader.string(
            "TLS_CLIENT_CA_FILE", default: "",
            help: "Authorities, as PEM, one of which must have signed the certificate of a client. Empty: none needed.")
        reader.noteSecretFile("TLS_KEY_FILE", keyPath)
        let files = [("TLS_CERT_FILE", certificatePath), ("TLS_KEY_FILE", keyPath)]
        guard files.contains(where: { !$0.1.isEmpty }) || !clientCAPath.isEmpty else { return }
        let cause = files.first { !$0.1.isEmpty }?.0 ?? "TLS_CLIENT_CA_FILE"
        for (name, path) in files where path.isEmpty { reader.reject(name, "must be set, because \(cause) is") }
    }

    /// Reads the files. Blocks, so it must not run on the reactor's thread.
    /// - Returns: nil without TLS.
    func load(nowS: Int64 = Int64(time(nil))) throws(SettingError) -> TLSCredentials? {
        guard isOn else { return nil }
        let certificate = try Self.read(certificatePath, of: "TLS_CERT_FILE")
        let key = try Self.read(keyPath, of: "TLS_KEY_FILE")
        let clientCA = clientCAPath.isEmpty ? nil : try Self.read(clientCAPath, of: "TLS_CLIENT_CA_FILE")
        do throws(TLSCredentialsError) {
            return try TLSCredentials(certificate: certificate, key: key, clientCA: clientCA, nowS: nowS)
        } catch { throw SettingError(Self.description(of: error)) }
    }

    private static func read(_ path: String, of name: String) throws(SettingError) -> [UInt8] {
        guard let bytes = SecretFile.read(path, maxSize: maxBytes) else {
            throw SettingError("\(name) cannot be read, or is longer than \(maxBytes) bytes")
        }
        return bytes
    }

    private static func description(of error: TLSCredentialsError) -> String {
        switch error {
        case .invalidCertificate: "TLS_CERT_FILE has no certificate as PEM"
        case .expired: "TLS_CERT_FILE has a certificate that has expired"
        case .notYetValid: "TLS_CERT_FILE has a certificate that is not valid yet"
        case .invalidKey: "TLS_KEY_FILE has no private key as PEM, or one with a password"
        case .mismatch: "TLS_KEY_FILE has another key than that of the first certificate in TLS_CERT_FILE"
        case .invalidClientCA: "TLS_CLIENT_CA_FILE has no certificate as PEM"
        }
    }
}
