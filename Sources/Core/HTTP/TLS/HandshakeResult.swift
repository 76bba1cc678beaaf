import CGnuTLS

/// How a TLS handshake ended.
public enum HandshakeResult: String, CaseIterable, Sendable {
    case completed
    /// The client sent a request without TLS.
    case plaintext
    /// Client and server have no version, cipher or other parameter in common, or the client does not speak TLS.
    case incompatible
    /// The client has no certificate, or none that a trusted authority has signed.
    case clientCertificate = "client_certificate"
    /// The client sent a fatal alert, for example because it rejected the server's certificate.
    case rejected
    /// The client closed the connection.
    case disconnected
    case timeout
    /// The server closed the connection to make room for others, or because it was stopping.
    case dropped
    /// The client address had reached its share of the handshakes in progress.
    case refused
    case failed

    /// - Parameter code: an error of gnutls_handshake(3).
    init(failure code: Int32) {
        self =
            switch code {
            case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR, GNUTLS_E_CERTIFICATE_ERROR, GNUTLS_E_NO_CERTIFICATE_FOUND,
                GNUTLS_E_CERTIFICATE_REQUIRED, GNUTLS_E_PK_SIG_VERIFY_FAILED:
                .clientCertificate
            case GNUTLS_E_FATAL_ALERT_RECEIVED: .rejected
            case GNUTLS_E_PREMATURE_TERMINATION, GNUTLS_E_PULL_ERROR, GNUTLS_E_PUSH_ERROR: .disconnected
            case GNUTLS_E_UNSUPPORTED_VERSION_PACKET, GNUTLS_E_NO_CIPHER_SUITES, GNUTLS_E_UNEXPECTED_PACKET,
                GNUTLS_E_UNEXPECTED_PACKET_LENGTH, GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET,
                GNUTLS_E_NO_COMMON_KEY_SHARE, GNUTLS_E_UNKNOWN_CIPHER_SUITE, GNUTLS_E_ILLEGAL_PARAMETER,
                GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER, GNUTLS_E_DECRYPTION_FAILED, GNUTLS_E_RECORD_OVERFLOW:
                .incompatible
            default: .failed
            }
    }
}
