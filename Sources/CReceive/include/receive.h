#pragma once
#include <stddef.h>
#include <sys/types.h>

struct gnutls_session_int;

// What libmicrohttpd gets instead of functions of other libraries. Each one returns what the original would return, and
// sets errno in the same way.
struct creceive_replacements {
    void *context; // the first argument of each
    // recv(2), which GnuTLS calls too.
    ssize_t (*receive)(void *context, int descriptor, void *buffer, size_t size);
    // gnutls_record_recv(3)
    ssize_t (*receive_record)(void *context, struct gnutls_session_int *session, void *buffer, size_t size);
    // gnutls_handshake(3)
    int (*handshake)(void *context, struct gnutls_session_int *session);
};

// Replaces the functions in this thread. NULL restores the originals.
void creceive_replace(const struct creceive_replacements *replacements);

// The original recv(2), even while it is replaced. Never waits (MSG_DONTWAIT).
ssize_t creceive(int descriptor, void *buffer, size_t size, int flags);

// The original gnutls_record_recv(3) and gnutls_handshake(3).
ssize_t creceive_record(struct gnutls_session_int *session, void *buffer, size_t size);
int creceive_handshake(struct gnutls_session_int *session);

// False if other libraries call the original functions of GnuTLS directly, or if this program cannot find them.
int creceive_replaces_gnutls(void);
