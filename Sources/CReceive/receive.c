#include "receive.h"
#include <sys/socket.h>

// libmicrohttpd has no interface between its socket and its parser. The program's own `recv` comes before that of the C
// library when libmicrohttpd is linked dynamically, so what it reads can be checked first.
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
