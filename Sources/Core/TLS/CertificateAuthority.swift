import CGnuTLS
import Glibc

/// A certificate authority for one machine or one test. It exists only in memory: its key is never written to a file.
public final class CertificateAuthority {
    /// A certificate with its key, as PEM.
    public struct Issued: Sendable {
        public let certificate: [UInt8]
        public let key: [UInt8]
    }

    /// The purpose of a certificate.
    public enum Purpose: Sendable {
        /// A server with these host names and IP addresses.
        case server(names: [String], addresses: [String])
        case client
    }

    private let certificate: OpaquePointer
    private let key: OpaquePointer
    /// The authority's own certificate, as PEM.
    public let pem: [UInt8]

    /// - Parameter validity: in seconds since 1970.
    public init(name: String, validity: ClosedRange<Int64>) throws(CertificateError) {
        key = try Self.newKey()
        certificate = try Self.newCertificate(name: name, validity: validity)
        try check(gnutls_x509_crt_set_key(certificate, key))
        try check(gnutls_x509_crt_set_basic_constraints(certificate, 1, 0))
        try check(gnutls_x509_crt_set_key_usage(certificate, UInt32(GNUTLS_KEY_KEY_CERT_SIGN)))
        try Self.setKeyID(of: certificate, in: certificate, gnutls_x509_crt_set_subject_key_id)
        try check(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0))
        pem = try Self.pem(certificate)
    }

    deinit {
        gnutls_x509_crt_deinit(certificate)
        gnutls_x509_privkey_deinit(key)
    }

    /// Generates a key, and issues a certificate for it.
    /// - Parameter validity: in seconds since 1970.
    public func issue(
        to name: String, for purpose: Purpose, validity: ClosedRange<Int64>
    ) throws(CertificateError) -> Issued {
        let newKey = try Self.newKey()
        defer { gnutls_x509_privkey_deinit(newKey) }
        let new = try Self.newCertificate(name: name, validity: validity)
        defer { gnutls_x509_crt_deinit(new) }
        try check(gnutls_x509_crt_set_key(new, newKey))
        try check(gnutls_x509_crt_set_basic_constraints(new, 0, -1))
        try check(gnutls_x509_crt_set_key_usage(new, UInt32(GNUTLS_KEY_DIGITAL_SIGNATURE)))
        try Self.set(purpose, of: new)
        try Self.setKeyID(of: new, in: new, gnutls_x509_crt_set_subject_key_id)
        try Self.setKeyID(of: certificate, in: new, gnutls_x509_crt_set_authority_key_id)
        try check(gnutls_x509_crt_sign2(new, certificate, key, GNUTLS_DIG_SHA256, 0))
        var text = gnutls_datum_t()
        try check(gnutls_x509_privkey_export2(newKey, GNUTLS_X509_FMT_PEM, &text))
        return Issued(certificate: try Self.pem(new), key: Self.take(&text))
    }

    private static func set(_ purpose: Purpose, of certificate: OpaquePointer) throws(CertificateError) {
        guard case .server(let names, let addresses) = purpose else {
            return try check(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0))
        }
        try check(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0))
        for name in names { try add(Array(name.utf8), GNUTLS_SAN_DNSNAME, to: certificate) }
        for address in addresses { try add(bytes(of: address), GNUTLS_SAN_IPADDRESS, to: certificate) }
    }

    private static func add(
        _ bytes: [UInt8], _ type: gnutls_x509_subject_alt_name_t, to certificate: OpaquePointer
    ) throws(CertificateError) {
        try check(
            gnutls_x509_crt_set_subject_alt_name(
                certificate, type, bytes, UInt32(bytes.count), UInt32(GNUTLS_FSAN_APPEND)))
    }

    private static func bytes(of address: String) throws(CertificateError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, address, &bytes) == 1 { return Array(bytes[..<4]) }
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { throw CertificateError(code: GNUTLS_E_INVALID_REQUEST) }
        return bytes
    }

    private static func newKey() throws(CertificateError) -> OpaquePointer {
        var key: OpaquePointer?
        try check(gnutls_x509_privkey_init(&key))
        // The macro GNUTLS_CURVE_TO_BITS.
        let bits = UInt32(1) << 31 | GNUTLS_ECC_CURVE_SECP256R1.rawValue
        try check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0))
        return key!
    }

    private static func newCertificate(
        name: String, validity: ClosedRange<Int64>
    ) throws(CertificateError) -> OpaquePointer {
        var certificate: OpaquePointer?
        try check(gnutls_x509_crt_init(&certificate))
        try check(gnutls_x509_crt_set_version(certificate, 3))
        // A serial number must be positive (RFC 5280, section 4.1.2.2), and its first byte must not be 0.
        var serial = (0..<16).map { _ in UInt8.random(in: 0...255) }
        serial[0] = serial[0] & 0x7F | 0x40
        try check(gnutls_x509_crt_set_serial(certificate, serial, serial.count))
        try check(gnutls_x509_crt_set_activation_time(certificate, time_t(validity.lowerBound)))
        try check(gnutls_x509_crt_set_expiration_time(certificate, time_t(validity.upperBound)))
        try check(
            gnutls_x509_crt_set_dn_by_oid(
                certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name, UInt32(name.utf8.count)))
        return certificate!
    }

    private static func setKeyID(
        of owner: OpaquePointer, in certificate: OpaquePointer,
        _ set: (OpaquePointer?, UnsafeRawPointer?, Int) -> Int32
    ) throws(CertificateError) {
        var id = [UInt8](repeating: 0, count: 64)
        var count = id.count
        try check(gnutls_x509_crt_get_key_id(owner, 0, &id, &count))
        try check(set(certificate, id, count))
    }

    private static func pem(_ certificate: OpaquePointer) throws(CertificateError) -> [UInt8] {
        var text = gnutls_datum_t()
        try check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text))
        return take(&text)
    }

    private static func take(_ datum: inout gnutls_datum_t) -> [UInt8] {
        defer { free(datum.data) }
        return Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
    }
}

/// A failure of GnuTLS.
public struct CertificateError: Error, Equatable, CustomStringConvertible {
    public let code: Int32

    public init(code: Int32) { self.code = code }

    public var description: String { String(cString: gnutls_strerror(code)) }
}

func check(_ code: Int32) throws(CertificateError) {
    guard code >= 0 else { throw CertificateError(code: code) }
}
