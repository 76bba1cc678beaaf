#pragma once
// Swift imports neither `eventfd` nor the variadic `prctl`, and `epoll_event` is a packed struct around a union.
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

static inline int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static inline int clinux_epoll_ctl(int epoll, int operation, int descriptor, unsigned events, unsigned long long data) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(epoll, operation, descriptor, &event);
}

// The kernel kills this process when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)).
static inline int clinux_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

// For the tests. Declared by <spawn.h> only with _GNU_SOURCE, which Swift does not define.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
