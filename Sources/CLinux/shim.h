#pragma once
// Swift does not import `eventfd`, and `epoll_event` is a packed struct around a union: two inline functions.
#include <sys/epoll.h>
#include <sys/eventfd.h>

static inline int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static inline int clinux_epoll_ctl(int epoll, int operation, int descriptor, unsigned events, unsigned long long data) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(epoll, operation, descriptor, &event);
}
