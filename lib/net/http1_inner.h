/*
 * What the parts of the native engine share: only for http1*.c.
 */
#ifndef LKI_NET_HTTP1_INNER_H
#define LKI_NET_HTTP1_INNER_H

#include <sys/uio.h>

#include "net/conn.h"
#include "net/exchange.h"

/* One attempt of an exchange. */
struct lki_http1 {
    struct lki_task *task;
    struct lki_loop *loop;
    const struct lki_exchange_request *request;
    struct lki_exchange_result *result;
    struct lki_arena *arena;
    struct lki_conn *conn;
    int64_t until_ns;
    int64_t sent_ns;
    int64_t first_byte_ns;
    struct iovec rest[2]; /* of the request, still to be sent */
    const char *in;       /* received and not yet taken */
    size_t in_len;
    struct lki_span span; /* whose end the next wait has to keep */
    unsigned reads;       /* since the last wait */
    bool came;            /* the last read brought something */
    bool clean;           /* the connection can serve another exchange */
    bool unwanted;        /* no more of the request is to be sent */
    bool again;           /* it had been closed while idle, and the request may be sent once more */
};

/* These end the exchange, and return false. */
bool lki_http1_fail(struct lki_http1 *x, lki_code code, const char *text);
bool lki_http1_nomem(struct lki_http1 *x);

/* The peer is gone: EOF (error 0) or an error of the socket. */
bool lki_http1_lost(struct lki_http1 *x, int error);

/* Head and body. False: the exchange is over, for want of a way to send them. */
bool lki_http1_send(struct lki_http1 *x);
/* Waits for more of the answer, and meanwhile sends what is left of the request. */
enum lki_wake lki_http1_wait(struct lki_http1 *x);

/* The answer, to x->result. False: there is none. */
bool lki_http1_receive(struct lki_http1 *x);

#endif
