import CGnuTLS
import Glibc

/// A server's certificate with its key, and the authority that must have signed the certificates of clients.
public final class TLSCredentials: Sendable {
    // Safe because, after `init` has ended, GnuTLS only reads it.
    nonisolated(unsafe) let handle: OpaquePointer
    /// The earliest expiry of all certificates in the chain, in seconds since 1970.
    public let expiresAtS: Int64
    /// Whether clients need a certificate.
    public let needsClientCertificate: Bool

    /// - Parameters:
    ///   - certificate: the server's certificate and those of the authorities between it and the root, as PEM.
    ///   - key: the private key of the first certificate, as PEM without a password.
    ///   - clientCA: certificates of the authorities that sign for clients, as PEM; nil if clients need none.
    ///   - nowS: the current time, in seconds since 1970.
    public init(
        certificate: [UInt8], key: [UInt8], clientCA: [UInt8]?, nowS: Int64
    ) throws(TLSCredentialsError) {
        expiresAtS = try Self.expiry(of: certificate, nowS: nowS)
        needsClientCertificate = clientCA != nil
        var made: OpaquePointer?
        guard gnutls_certificate_allocate_credentials(&made) == GNUTLS_E_SUCCESS, let made else { throw .invalidKey }
        // If `init` throws from here on, `deinit` runs and frees the handle.
        handle = made
        let code = Self.withDatum(certificate) { certificate in
            Self.withDatum(key) { key in
                gnutls_certificate_set_x509_key_mem2(made, certificate, key, GNUTLS_X509_FMT_PEM, nil, 0)
            }
        }
        guard code != GNUTLS_E_CERTIFICATE_KEY_MISMATCH else { throw .mismatch }
        guard code >= 0 else { throw .invalidKey }
        guard let clientCA else { return }
        let count = Self.withDatum(clientCA) { gnutls_certificate_set_x509_trust_mem(made, $0, GNUTLS_X509_FMT_PEM) }
        guard count > 0 else { throw .invalidClientCA }
    }

    deinit { gnutls_certificate_free_credentials(handle) }

    private static func expiry(of chain: [UInt8], nowS: Int64) throws(TLSCredentialsError) -> Int64 {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        var count: UInt32 = 0
        let code = withDatum(chain) { gnutls_x509_crt_list_import2(&list, &count, $0, GNUTLS_X509_FMT_PEM, 0) }
        guard code >= 0, let list, count > 0 else { throw .invalidCertificate }
        let certificates = UnsafeBufferPointer(start: list, count: Int(count))
        defer {
            for certificate in certificates { gnutls_x509_crt_deinit(certificate) }
            free(list)  // gnutls_free is free(3), unless a program replaces it.
        }
        let begins = certificates.map { Int64(gnutls_x509_crt_get_activation_time($0)) }.max() ?? .max
        let ends = certificates.map { Int64(gnutls_x509_crt_get_expiration_time($0)) }.min() ?? 0
        guard nowS < ends else { throw .expired }
        guard nowS >= begins else { throw .notYetValid }
        return ends
    }

    private static func withDatum<Result>(
        _ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Result
    ) -> Result {
        bytes.withUnsafeBufferPointer { buffer in
            var datum = gnutls_datum_t(
                data: UnsafeMutablePointer(mutating: buffer.baseAddress), size: UInt32(clamping: buffer.count))
            return body(&datum)
        }
    }
}

/// Why the certificate, its key or the client authorities cannot be used.
public enum TLSCredentialsError: Error, Equatable {
    case invalidCertificate
    case expired
    case notYetValid
    case invalidKey
    /// The key is that of another certificate.
    case mismatch
    case invalidClientCA
}
