#include "receive.h"
#include <sys/socket.h>

// libmicrohttpd has no hook between its socket and its parser. If it is linked dynamically, it calls this program's
// `recv` instead of that of the C library. So the received bytes can be checked before they are parsed.
static __thread creceive_function replacement;
static __thread void *replacement_context;

void creceive_replace(creceive_function function, void *context) {
    replacement = function;
    replacement_context = context;
}

ssize_t creceive(int descriptor, void *buffer, size_t size, int flags) {
    return recvfrom(descriptor, buffer, size, flags | MSG_DONTWAIT, NULL, NULL);
}

__attribute__((visibility("default"))) ssize_t recv(int descriptor, void *buffer, size_t size, int flags) {
    if (replacement) return replacement(replacement_context, descriptor, buffer, size);
    return recvfrom(descriptor, buffer, size, flags, NULL, NULL);
}
