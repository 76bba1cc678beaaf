#pragma once
// Inline functions for the variadic calls, which Swift cannot import, and for reads of C unions.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <gnutls/abstract.h>
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

// The number of bytes that the client's TCP has acknowledged since the connection was opened; 0 if the kernel does not
// report it.
static inline uint64_t cmhd_acknowledged_bytes(int descriptor) {
    // The first 128 bytes of Linux' struct tcp_info. The last 8 are tcpi_bytes_acked, which glibc does not declare.
    uint64_t info[16] = {0};
    socklen_t size = sizeof info;
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info, &size) == 0 && size == sizeof info ? info[15] : 0;
}

// The number of bytes that were written to the socket and that the client's TCP has not acknowledged yet.
static inline uint64_t cmhd_unacknowledged_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, SIOCOUTQ, &count) == 0 && count > 0 ? (uint64_t)count : 0;
}

// A response of unknown length. With HTTP/1.1 it is chunked; with HTTP/1.0 the end of the connection ends it. The
// callback `read` returns the number of bytes that it wrote, 0 after it suspended the connection, or one of the
// constants cmhd_end_of_stream and cmhd_end_with_error.
static inline struct MHD_Response *cmhd_streaming_response(
    MHD_ContentReaderCallback read, MHD_ContentReaderFreeCallback release, void *context) {
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read, context, release);
}

// For responses to HEAD: turns off chunked encoding, and closes the connection after the response. Otherwise
// libmicrohttpd 0.9.75 sends the final chunk although there is no body. The client would take this chunk for the
// beginning of the next response.
static inline void cmhd_close_after(struct MHD_Response *response) {
    MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

static const ssize_t cmhd_end_of_stream = -1;  // MHD_CONTENT_READER_END_OF_STREAM
static const ssize_t cmhd_end_with_error = -2; // MHD_CONTENT_READER_END_WITH_ERROR

// The session of GnuTLS; NULL without TLS.
static inline void *cmhd_tls_session(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

// The client has closed its side of the TCP connection, perhaps after bytes that nobody has read.
static inline int cmhd_is_half_closed(int descriptor) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state != TCP_ESTABLISHED;
}

// The pointer that the callback `connection_changed` stored for this connection.
static inline void *cmhd_connection_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

struct cmhd_start_options {
    unsigned connection_limit;
    unsigned idle_timeout_s;
    size_t connection_memory_bytes;
    int is_logging;
    const char *tls_priorities; // of GnuTLS; NULL for no TLS
    void *context; // the first argument of every callback
    MHD_LogCallback log;
    void *(*request_begins)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback access;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection_changed;
};

// Never called: every session gets credentials of its own before its handshake. But MHD_USE_TLS needs some at the start.
static inline int cmhd_no_certificate(
    gnutls_session_t session, const gnutls_datum_t *names, int name_count, const gnutls_pk_algorithm_t *algorithms,
    int algorithm_count, gnutls_pcert_st **certificates, unsigned *certificate_count, gnutls_privkey_t *key) {
    return -1;
}

// Connections can be suspended and resumed, but without MHD_USE_ITC, which MHD_ALLOW_SUSPEND_RESUME includes.
// MHD_USE_ITC adds a descriptor that wakes the daemon when another thread resumes a connection. Here the same thread
// runs the daemon right after, so one write to an eventfd per request is saved.
static inline struct MHD_Daemon *cmhd_start(const struct cmhd_start_options *options) {
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | (MHD_ALLOW_SUSPEND_RESUME & ~MHD_USE_ITC);
    if (options->is_logging) flags |= MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)options->tls_priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)cmhd_no_certificate},
        {MHD_OPTION_END, 0, NULL},
    };
    if (options->tls_priorities) flags |= MHD_USE_TLS;
    else tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, options->access, options->context,
        MHD_OPTION_EXTERNAL_LOGGER, options->log, options->context, // first, to log errors of the others
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory_bytes,
        MHD_OPTION_URI_LOG_CALLBACK, options->request_begins, options->context,
        MHD_OPTION_NOTIFY_COMPLETED, options->completed, options->context,
        MHD_OPTION_NOTIFY_CONNECTION, options->connection_changed, options->context,
        MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
}
