import CGnuTLS
import Glibc

/// The client's side of TLS on a connected socket.
///
/// The calls return what GnuTLS returns. With a socket that does not block, `GNUTLS_E_AGAIN` means: call again when the
/// socket is ready; see ``awaitsInput``.
public final class TLSClientSession {
    /// The authorities that a client trusts and the certificate that it presents, for any number of sessions.
    public final class Credentials: Sendable {
        // Safe because, after `init` has ended, GnuTLS only reads it.
        nonisolated(unsafe) fileprivate let handle: OpaquePointer
        fileprivate let verifiesServer: Bool

        /// - Parameters:
        ///   - authority: the certificates of trusted authorities, as PEM; nil: any server is trusted.
        ///   - own: the client's certificate.
        public init(
            authority: [UInt8]?, own: CertificateAuthority.Issued? = nil
        ) throws(CertificateError) {
            var made: OpaquePointer?
            try check(gnutls_certificate_allocate_credentials(&made))
            handle = made!
            verifiesServer = authority != nil
            if let authority {
                let trusted = withDatum(authority) {
                    gnutls_certificate_set_x509_trust_mem(made, $0, GNUTLS_X509_FMT_PEM)
                }
                guard trusted > 0 else { throw CertificateError(code: GNUTLS_E_NO_CERTIFICATE_FOUND) }
            }
            guard let own else { return }
            try check(
                withDatum(own.certificate) { certificate in
                    withDatum(own.key) { key in
                        gnutls_certificate_set_x509_key_mem2(made, certificate, key, GNUTLS_X509_FMT_PEM, nil, 0)
                    }
                })
        }

        deinit { gnutls_certificate_free_credentials(handle) }
    }

    public static let defaultPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

    /// The result of a call that would have to wait.
    public static let again = Int(GNUTLS_E_AGAIN)

    private let session: OpaquePointer
    private let credentials: Credentials
    /// The host name as a C string. It must live as long as the session, which keeps a pointer to it.
    private let hostText: UnsafeMutablePointer<CChar>

    /// - Parameters:
    ///   - descriptor: a connected socket, which outlives the session.
    ///   - host: the name or the IP address that the server's certificate must have.
    public init(
        descriptor: Int32, host: String, credentials: Credentials, priorities: String = defaultPriorities
    ) throws(CertificateError) {
        var made: OpaquePointer?
        let flags = UInt32(GNUTLS_CLIENT) | UInt32(GNUTLS_NO_SIGNAL.rawValue)
        try check(gnutls_init(&made, flags))
        session = made!
        self.credentials = credentials
        hostText = strdup(host)
        try check(gnutls_priority_set_direct(session, priorities, nil))
        try check(
            gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials.handle)))
        // A server name must not be an IP address (RFC 6066, section 3).
        if host.contains(where: \.isLetter), !host.contains(":") {
            try check(gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, host.utf8.count))
        }
        if credentials.verifiesServer { gnutls_session_set_verify_cert(session, hostText, 0) }
        gnutls_transport_set_int2(session, descriptor, descriptor)
    }

    deinit {
        gnutls_deinit(session)
        free(hostText)
    }

    /// - Returns: 0 once the handshake is complete, otherwise a code of GnuTLS.
    public func handshake() -> Int32 {
        while true {
            let code = gnutls_handshake(session)
            if code < 0, gnutls_error_is_fatal(code) == 0, code != GNUTLS_E_AGAIN { continue }
            return code
        }
    }

    /// After `GNUTLS_E_AGAIN`: true if the session waits to read, false if it waits to write.
    public var awaitsInput: Bool { gnutls_record_get_direction(session) == 0 }

    /// - Returns: the number of bytes, or an error.
    public func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        gnutls_record_send(session, bytes.baseAddress, bytes.count)
    }

    /// - Returns: the number of bytes, 0 at the end, or an error.
    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            let count = gnutls_record_recv(session, buffer.baseAddress, buffer.count)
            if count == Int(GNUTLS_E_INTERRUPTED) || count == Int(GNUTLS_E_WARNING_ALERT_RECEIVED) { continue }
            return count
        }
    }

    /// Sends the alert `close_notify`: no more data follows.
    public func finishSending() { gnutls_bye(session, GNUTLS_SHUT_WR) }

    /// Replaces the keys of both directions (RFC 8446, section 4.6.3).
    public func updateKeys() -> Int32 { gnutls_session_key_update(session, UInt32(GNUTLS_KU_PEER)) }

    /// Whether the server asked for a certificate of the client.
    public var isAskedForCertificate: Bool { gnutls_certificate_client_get_request_status(session) != 0 }

    /// The negotiated version, such as `TLS1.3`.
    public var version: String {
        gnutls_protocol_get_name(gnutls_protocol_get_version(session)).map { String(cString: $0) } ?? ""
    }

    /// When the server's certificate expires, in seconds since 1970; nil before the handshake.
    public var serverExpiresAtS: Int64? {
        let time = gnutls_certificate_expiration_time_peers(session)
        return time > 0 ? Int64(time) : nil
    }

    public static func description(of code: Int) -> String { CertificateError(code: Int32(clamping: code)).description }
}

private func withDatum<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
    bytes.withUnsafeBufferPointer { buffer in
        var datum = gnutls_datum_t(
            data: UnsafeMutablePointer(mutating: buffer.baseAddress), size: UInt32(clamping: buffer.count))
        return body(&datum)
    }
}
