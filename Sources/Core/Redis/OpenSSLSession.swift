#if HIREDIS_SSL
    import CHiredis
    import Glibc

    /// TLS on one connection, by OpenSSL. hiredis verifies only who signed a certificate, so this class creates the
    /// session itself, with the name that the certificate must have.
    final class OpenSSLSession: TLSSession {
        private let session: OpaquePointer
        private let host: String

        /// - Parameter host: a name or an IP address, which the certificate of the replica must contain.
        /// - Returns: nil if memory is short.
        init?(_ context: OpaquePointer, host: String) {
            guard let session = SSL_new(context) else { return nil }
            self.session = session
            self.host = host
            guard expectHost() else { return nil }
        }

        deinit { SSL_free(session) }

        private func expectHost() -> Bool {
            let parameters = SSL_get0_param(session)
            var address = in6_addr()
            if inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1 {
                return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
            }
            // A name in a URL may end with a dot, which certificates and the handshake omit.
            let name = host.hasSuffix(".") ? String(host.dropLast()) : host
            // OpenSSL takes an empty name as "any".
            guard !name.isEmpty else { return false }
            X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            return X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1
                && chiredis_set_server_name(session, name) == 1
        }

        func start(on context: UnsafeMutablePointer<redisAsyncContext>) -> LinkFailure? {
            willCall()
            let plainFunctions = context.pointee.c.funcs
            guard redisInitiateSSL(&context.pointee.c, session) == REDIS_OK else {
                // hiredis 1.2 keeps its functions for TLS after a failure, without the state that they need.
                context.pointee.c.funcs = plainFunctions
                return failure() ?? LinkFailure("the TLS handshake failed")
            }
            // hiredis now has a reference of its own, which it releases with the connection.
            SSL_up_ref(session)
            return nil
        }

        var isEstablished: Bool { SSL_is_init_finished(session) == 1 }

        // The errors of OpenSSL are in a queue of the thread. An old one would be attributed to the next call.
        func willCall() { ERR_clear_error() }

        func failure() -> LinkFailure? {
            let result = SSL_get_verify_result(session)
            if result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH {
                return LinkFailure(tls: "its certificate is not for \(host)")
            }
            if result != X509_V_OK, let text = X509_verify_cert_error_string(result) {
                return LinkFailure(tls: "its certificate is invalid: \(String(cString: text))")
            }
            let error = ERR_peek_last_error()
            let isEnd = chiredis_is_unexpected_end(error) != 0
            if !isEstablished, error == 0 || isEnd {
                return LinkFailure("the TLS handshake failed")
            }
            guard error != 0, !isEnd, let text = ERR_reason_error_string(error) else { return nil }
            return LinkFailure(tls: "TLS: \(String(cString: text))")
        }

        var waitsToWrite: Bool { SSL_want(session) == SSL_WRITING }

        var waitsToRead: Bool { SSL_want(session) == SSL_READING }

        var hasDecryptedBytes: Bool { SSL_pending(session) > 0 }
    }
#endif
