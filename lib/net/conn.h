/*
 * Connections of a session: opening them, keeping them between exchanges, closing them.
 */
#ifndef LKI_NET_CONN_H
#define LKI_NET_CONN_H

#include "net/exchange.h"

struct lki_conn {
    struct lki_conn *next, *prev;          /* in the session */
    struct lki_conn *idle_next, **idle_at; /* in its origin's list, while it is idle and shared */
    struct lki_session *session;
    struct lki_origin *origin;
    struct lki_io io; /* its task: whose exchange is in hand; NULL: idle */
    struct lki_post reap;
    uint64_t exchanges;  /* that ended cleanly */
    uint64_t written;    /* bytes that the kernel took, over all exchanges */
    struct lki_tls *tls; /* NULL: plain TCP */
    int fd;
    bool ending; /* the end of the stream is among what there is to read: no event follows */
    bool more;   /* there may be more to read, of which no event will tell */
    /* Of one that was taken over, where io.task is NULL: something has come, or the end. NULL: such
     * a connection is idle. */
    void (*on_ready)(struct lki_conn *conn);
    void *owner; /* whoever took it over */
};

/* An idle connection to origin, or NULL; the caller sets its task at once. */
struct lki_conn *lki_conn_idle(const struct lki_session *session, const struct lki_origin *origin);

/*
 * Opens a connection for the exchange in hand in task: look-up, connect and TLS, with their times
 * in result. NULL: result->code, ->error and ->ended say why.
 */
struct lki_conn *lki_conn_open(struct lki_session *session, struct lki_task *task,
                               const struct lki_exchange_request *request, int64_t until_ns,
                               struct lki_arena *arena, struct lki_exchange_result *result);

/* The rest of lki_conn_keep, for a shared session: thousands of connections may be idle there, so
 * each origin has a list of its own, the last one used first. */
void lki_conn_idle_add(struct lki_conn *conn);

/* The exchange is over and left the connection clean. */
static inline void lki_conn_keep(struct lki_conn *conn)
{
    conn->io.task = NULL;
    conn->exchanges++;
    if (LKI_UNLIKELY(conn->session->shared))
        lki_conn_idle_add(conn);
}

/* Whether the peer's kernel never acknowledged all that was written. After an end of stream that is
 * exact: what came after the peer had closed was refused, and nobody has read it. Where the system
 * does not tell, the answer is otherwise. */
bool lki_conn_undelivered(const struct lki_conn *conn, bool otherwise);

/*
 * As recv() without waiting: 0 at the end of the stream, -1 with errno, EAGAIN for nothing there.
 * Sets conn->more: true says that there may be more to read of which no event will tell, so read
 * on without waiting; false, that something new is an event of its own. EPROTO: TLS has failed, and
 * lki_conn_why tells.
 */
ssize_t lki_conn_recv(struct lki_conn *conn, void *into, size_t cap);

/*
 * As send() without waiting: how many bytes were taken, or -1 with errno. After EAGAIN, when the
 * socket takes more (lki_task_wait_fd with LKI_WRITABLE | LKI_EDGE), the next call is to begin with
 * the same bytes; more may follow them. EPROTO as above.
 */
ssize_t lki_conn_send(struct lki_conn *conn, const void *bytes, size_t len);

/* What error, of these two, means. The text stands until the next wait. */
const char *lki_conn_why(const struct lki_conn *conn, int error);

/* Whether an end of the stream is none that the peer has vouched for, by TLS. */
bool lki_conn_truncated(const struct lki_conn *conn);

/* Whether what has come, or may have, is of an answer, or an end. False: TLS has taken it up. */
bool lki_conn_answers(struct lki_conn *conn);

/* The memory goes at the end of the turn. */
void lki_conn_close(struct lki_conn *conn);

#endif
