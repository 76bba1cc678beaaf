import ByteCoding
import Crypto
import Telemetry

/// Whether and where a service writes its audit trail.
public struct AuditSettings: Sendable {
    /// Nil if nothing is recorded.
    let destination: AuditDestination?
    let isPseudonymous: Bool

    init(from reader: inout SettingsReader) {
        let path = reader.string(
            "AUDIT_LOG", default: "",
            help: "File of the audit trail, or 'stderr'. Empty for none. Three files of 10 MB are kept.")
        destination = path.isEmpty ? nil : path == "stderr" ? .standardError : .file(path: path)
        isPseudonymous = reader.boolean(
            "AUDIT_PSEUDONYMISE", default: false,
            help: "true: keys and clients in the audit trail are replaced by pseudonyms, by an HMAC with SECRET_KEY.")
    }

    /// Returns a function that makes pseudonyms of keys and clients. They are equal for equal texts, and reveal nothing
    /// else without `SECRET_KEY`.
    /// - Parameter secretKey: the HMAC key is derived from it, because the secret itself has other purposes.
    static func pseudonym(secretKey: String) -> @Sendable ([UInt8]) -> String {
        let purpose = Array("cap audit pseudonyms".utf8)
        let derived = HMAC<SHA256>.authenticationCode(for: purpose, using: SymmetricKey(data: Array(secretKey.utf8)))
        let key = SymmetricKey(data: Array(derived))
        return { bytes in
            let code = HMAC<SHA256>.authenticationCode(for: bytes, using: key)
            // With 96 bits, two of a billion texts practically never get the same pseudonym.
            return hexadecimalText(code.prefix(12))
        }
    }
}
