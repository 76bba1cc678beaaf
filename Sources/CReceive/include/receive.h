#pragma once
#include <stddef.h>
#include <sys/types.h>

// A replacement for recv(2). It returns what recv(2) would return, and sets errno in the same way.
typedef ssize_t (*creceive_function)(void *context, int descriptor, void *buffer, size_t size);

// Makes recv(2) call `function` in this thread. NULL restores the original recv(2).
void creceive_replace(creceive_function function, void *context);

// The original recv(2), even while it is replaced. Never waits (MSG_DONTWAIT).
ssize_t creceive(int descriptor, void *buffer, size_t size, int flags);
