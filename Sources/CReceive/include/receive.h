#pragma once
#include <stddef.h>
#include <sys/types.h>

// Reads from a socket in the place of recv(2): returns what recv(2) would return, with errno.
typedef ssize_t (*creceive_function)(void *context, int descriptor, void *buffer, size_t size);

// From now on, recv(2) of this thread calls `function`; NULL ends that.
void creceive_replace(creceive_function function, void *context);

// recv(2) without waiting, also while it is replaced.
ssize_t creceive(int descriptor, void *buffer, size_t size, int flags);
