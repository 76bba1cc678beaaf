#pragma once
#include "../CHiredis/shim.h"
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// OpenSSL's macros as functions.

/// Allows TLS 1.2 and later only. Returns 1 if it succeeded.
static inline int chiredis_require_tls_1_2(SSL_CTX *context) {
    return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// Lets a write end after each TLS record, so that the progress of a long command is visible.
static inline void chiredis_allow_partial_writes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

/// Sends `name` to the server with the handshake (RFC 6066, section 3). Returns 1 if it succeeded.
static inline int chiredis_set_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

/// Whether `error` says that the peer closed the connection without a TLS message.
static inline int chiredis_is_unexpected_end(unsigned long error) {
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
#else
    (void)error;
    return 0;
#endif
}
