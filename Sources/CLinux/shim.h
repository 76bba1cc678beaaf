#pragma once
// Swift imports neither `eventfd` nor the variadic `prctl`. In C it is also easier to fill in `epoll_event`, a packed
// struct around a union.
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// An eventfd whose read(2) blocks, for a thread that waits for nothing else.
static inline int clinux_blocking_eventfd(void) { return eventfd(0, EFD_CLOEXEC); }

static inline int clinux_epoll_ctl(int epoll, int operation, int descriptor, unsigned events, unsigned long long data) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(epoll, operation, descriptor, &event);
}

// The kernel kills this process when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)).
static inline int clinux_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

// Reserves a TCP port among the programs that call this function, so that a stopped server finds its port still free
// when it starts again. The reservation is a name in the abstract namespace of Unix sockets (unix(7)), which the kernel
// frees when the descriptor is closed. Returns the descriptor, or -1 with `errno` set: EADDRINUSE if the port is
// already reserved.
static inline int clinux_reserve_port(unsigned port) {
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "reserved-port-%u", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (bind(descriptor, (struct sockaddr *)&address, size) == 0) return descriptor;
    close(descriptor);
    return -1;
}

// Used by the tests. <spawn.h> declares these functions only with _GNU_SOURCE, which Swift does not define.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
