#pragma once
// Swift does not import C variadics, so the variadic calls and the union reads stand here as inline functions.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <microhttpd.h>

static inline int cmhd_epoll_fd(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

static inline int cmhd_connection_fd(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static inline const struct sockaddr *cmhd_client_address(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

// How many bytes the client has acknowledged since the connection was opened; 0 if the kernel does not tell.
static inline uint64_t cmhd_acknowledged_bytes(int descriptor) {
    // The beginning of Linux' struct tcp_info, whose member tcpi_bytes_acked glibc does not declare.
    uint64_t info[16] = {0};
    socklen_t size = sizeof info;
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info, &size) == 0 && size == sizeof info ? info[15] : 0;
}

// What the connection's own notification left in its slot.
static inline void *cmhd_connection_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static inline size_t cmhd_header_bytes(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

// Every header field and cookie; a mask is no value of the enumeration, which Swift takes for a closed one.
static inline void cmhd_each_entry(struct MHD_Connection *connection, MHD_KeyValueIteratorN each, void *context) {
    (void) MHD_get_connection_values_n(
        connection, (enum MHD_ValueKind) (MHD_HEADER_KIND | MHD_COOKIE_KIND), each, context);
}

// Whether the header block holds what libmicrohttpd 0.9.75 does not show, or shows as something else than the next party would:
// space before a field's colon, control characters, anything behind a NUL, where it ends a text, and lines that end in a CR or
// an LF alone, of which it takes both. `start` is where the request line begins; `target` and `version` are its parts.
struct cmhd_header_scan {
    const char *end;   // of the last text looked at
    const char *limit; // of the header block
    int is_bad;
};

static inline int cmhd_is_blank(const char *from, const char *to) {
    for (; from < to; ++from) {
        if (*from != 0 && *from != ' ' && *from != '\t' && *from != '\r' && *from != '\n') return 0;
    }
    return 1;
}

static inline enum MHD_Result cmhd_scan_field(
    void *context, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value, size_t value_size) {
    struct cmhd_header_scan *scan = (struct cmhd_header_scan *) context;
    unsigned bad = 0;
    (void) kind;
    for (size_t i = 0; i < name_size; ++i) bad |= (unsigned char) name[i] <= ' ' || name[i] == 127;
    for (size_t i = 0; value && i < value_size; ++i) {
        bad |= ((unsigned char) value[i] < ' ' && value[i] != '\t') || value[i] == 127;
    }
    // A field that goes on over several lines was put together elsewhere: then nothing can be said of what lies between.
    if (name >= scan->end && name < scan->limit) bad |= name != scan->end + 2 || !cmhd_is_blank(scan->end, name);
    if (value && value >= scan->end && value + value_size <= scan->limit) scan->end = value + value_size;
    scan->is_bad |= bad != 0;
    return MHD_YES;
}

static inline int cmhd_hides_something(
    struct MHD_Connection *connection, const char *start, const char *target, size_t target_size, const char *version) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct cmhd_header_scan scan = {version + strlen(version), start + (info ? info->header_size : 0), 0};
    // Not in one buffer: there was no version in the line, and a default took its place.
    if (target < start || version < target || version >= scan.limit) return 0;
    if (!cmhd_is_blank(target + target_size, version)) return 1;
    (void) MHD_get_connection_values_n(connection, MHD_HEADER_KIND, cmhd_scan_field, &scan);
    return scan.is_bad || !cmhd_is_blank(scan.end, scan.limit);
}

// Leaves the text as it is: a key may hold %2F and %00, so the target is decoded only after it was split.
static inline size_t cmhd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void) context;
    (void) connection;
    return strlen(text);
}

struct cmhd_start_options {
    unsigned connection_limit;
    unsigned idle_timeout_s;
    size_t connection_memory_bytes;
    int is_logging;
    void *context; // what every callback gets first
    MHD_LogCallback log;
    void *(*request_line)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback access;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection_changed;
};

// Suspend and resume without MHD_USE_ITC (which MHD_ALLOW_SUSPEND_RESUME would add): the wake-up descriptor is for resuming
// from another thread; here the same thread runs the daemon right after, so an eventfd write a request is saved.
static inline struct MHD_Daemon *cmhd_start(const struct cmhd_start_options *options) {
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | (MHD_ALLOW_SUSPEND_RESUME & ~MHD_USE_ITC);
    if (options->is_logging) flags |= MHD_USE_ERROR_LOG;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, options->access, options->context,
        MHD_OPTION_EXTERNAL_LOGGER, options->log, options->context, // first, so that it hears of the others
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory_bytes,
        MHD_OPTION_UNESCAPE_CALLBACK, cmhd_keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, options->request_line, options->context,
        MHD_OPTION_NOTIFY_COMPLETED, options->completed, options->context,
        MHD_OPTION_NOTIFY_CONNECTION, options->connection_changed, options->context,
        MHD_OPTION_END);
}
