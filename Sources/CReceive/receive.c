#define _GNU_SOURCE
#include "receive.h"
#include <dlfcn.h>
#include <sys/socket.h>

// libmicrohttpd has no hook between its socket and its parser. If it is linked dynamically, it calls this program's
// functions instead of those of the C library and of GnuTLS. So the received bytes can be checked before they are
// parsed.
static __thread struct creceive_replacements replaced;

void creceive_replace(const struct creceive_replacements *replacements) {
    replaced = replacements ? *replacements : (struct creceive_replacements){0};
}

ssize_t creceive(int descriptor, void *buffer, size_t size, int flags) {
    return recvfrom(descriptor, buffer, size, flags | MSG_DONTWAIT, NULL, NULL);
}

__attribute__((visibility("default"))) ssize_t recv(int descriptor, void *buffer, size_t size, int flags) {
    if (replaced.receive) return replaced.receive(replaced.context, descriptor, buffer, size);
    return recvfrom(descriptor, buffer, size, flags, NULL, NULL);
}

// Written once, before main.
static ssize_t (*original_record_recv)(struct gnutls_session_int *, void *, size_t);
static int (*original_handshake)(struct gnutls_session_int *);

__attribute__((constructor)) static void find_originals(void) {
    *(void **)&original_record_recv = dlsym(RTLD_NEXT, "gnutls_record_recv");
    *(void **)&original_handshake = dlsym(RTLD_NEXT, "gnutls_handshake");
}

ssize_t creceive_record(struct gnutls_session_int *session, void *buffer, size_t size) {
    return original_record_recv(session, buffer, size);
}

int creceive_handshake(struct gnutls_session_int *session) { return original_handshake(session); }

__attribute__((visibility("default"))) ssize_t
gnutls_record_recv(struct gnutls_session_int *session, void *buffer, size_t size) {
    if (replaced.receive_record) return replaced.receive_record(replaced.context, session, buffer, size);
    return original_record_recv(session, buffer, size);
}

__attribute__((visibility("default"))) int gnutls_handshake(struct gnutls_session_int *session) {
    if (replaced.handshake) return replaced.handshake(replaced.context, session);
    return original_handshake(session);
}

int creceive_replaces_gnutls(void) {
    return original_record_recv && original_handshake
        && dlsym(RTLD_DEFAULT, "gnutls_record_recv") == (void *)gnutls_record_recv
        && dlsym(RTLD_DEFAULT, "gnutls_handshake") == (void *)gnutls_handshake;
}
