#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <hiredis/sds.h>

// The differences between hiredis 0.14 and 1.x.

/// Makes `last_call` the last call of hiredis for a connection, with `owner`. The cleanup hook is the last call of
/// hiredis 0.14 only: hiredis 1.x calls it before it reports the replies that are lost with the connection.
static inline void chiredis_set_last_call(redisAsyncContext *context, void *owner, void (*last_call)(void *)) {
    context->data = owner;
    context->ev.data = owner;
#if HIREDIS_MAJOR >= 1
    context->dataCleanup = last_call;
#else
    context->ev.cleanup = last_call;
#endif
}

#if HIREDIS_MAJOR >= 1
static inline void *chiredis_reject_double(const redisReadTask *task, double value, char *text, size_t length) {
    (void)task, (void)value, (void)text, (void)length;
    return NULL;
}

static inline void *chiredis_reject_bool(const redisReadTask *task, int value) {
    (void)task, (void)value;
    return NULL;
}
#endif

/// Rejects the kinds of replies that hiredis 1.x knows from RESP3. No command asks for them. Without these functions,
/// hiredis takes a number for the address of such a reply.
static inline void chiredis_reject_resp3(redisReplyObjectFunctions *functions) {
#if HIREDIS_MAJOR >= 1
    functions->createDouble = chiredis_reject_double;
    functions->createBool = chiredis_reject_bool;
#else
    (void)functions;
#endif
}
