#pragma once
// The parts of GnuTLS that Swift cannot import itself.
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

// During the handshake, checks that the client's certificate was signed by a trusted authority, for clients.
static inline void cgnutls_require_client_certificate(gnutls_session_t session) {
    // The session keeps a pointer to it.
    static gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert2(session, &purpose, 1, 0);
}
