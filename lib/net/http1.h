/*
 * HTTP/1.1 exchanges over TCP, as straight code in a task. A session keeps the connections of one
 * user; each is registered with the loop once and is closed as soon as anything arrives on it while
 * it is idle, or when an exchange on it did not end cleanly.
 */
#ifndef LKI_NET_HTTP1_H
#define LKI_NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/origin.h"
#include "stats/code.h"
#include "stats/metric.h"

struct lki_conn;
struct lki_http1_memo;

/* Zeroed: empty and ready. */
struct lki_session {
    struct lki_conn *conns;
};

/* Closes all connections, which must be idle. */
void lki_session_close(struct lki_session *session);

/*
 * Where it is shown what the kernel has taken, also to who looks when this process has died.
 * sending is 1 while the last part of a request is being handed over, until that has been counted
 * in sent.
 */
struct lki_sent {
    uint64_t *sent; /* whole requests, but for those that were sent again */
    uint32_t *sending;
};

struct lki_exchange_request {
    struct lki_origins *origins;
    struct lki_origin *origin;
    /* Appends the head; called just before it is sent, and again for a second attempt. */
    void (*write_head)(const void *arg, struct lki_buf *out);
    const void *arg;
    const char *body;
    size_t body_bytes;
    struct lki_http1_memo *memo; /* of earlier answers to such requests; NULL: none */
    const struct lki_sent *wire;
    bool is_head;        /* method HEAD: no body in the answer */
    bool idempotent;     /* may be sent twice */
    bool new_connection; /* use none that is kept, and keep none */
    size_t max_body_bytes;
    int64_t timeout_ns; /* of an attempt; LKI_NEVER: none */
};

/* What became of it. Zeroed by lki_exchange. */
struct lki_exchange_result {
    lki_code code;     /* HTTP_nnn or what went wrong */
    int status;        /* 0: no complete answer */
    const char *error; /* "" or why there is none; in the arena or static */
    const char *head;  /* of the answer, terminated; in the arena */
    size_t head_bytes;
    char *body; /* terminated; in the arena; never NULL */
    size_t body_bytes;
    bool sent;        /* the kernel took the last byte, or the server answered without it */
    unsigned retries; /* attempts before this one, on connections that were closed while idle */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t start_ns; /* of the attempt that counts */
    int64_t end_ns;
    int64_t phase_ns[LKI_PHASE_COUNT]; /* -1: did not happen */
    enum lki_wake ended;               /* LKI_WAKE_DEADLINE or _CUT: the caller has to leave */
};

/* Never fails: failures are results. The answer is allocated in arena. */
void lki_exchange(struct lki_session *session, struct lki_task *task,
                  const struct lki_exchange_request *request, struct lki_arena *arena,
                  struct lki_exchange_result *result);

#endif
