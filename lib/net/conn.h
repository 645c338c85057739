/*
 * Connections of a session: opening them, keeping them between exchanges, closing them.
 */
#ifndef LKI_NET_CONN_H
#define LKI_NET_CONN_H

#include "net/http1.h"

struct lki_conn {
    struct lki_conn *next, *prev; /* in the session */
    struct lki_session *session;
    struct lki_origin *origin;
    struct lki_io io; /* its task: whose exchange is in hand; NULL: idle */
    struct lki_post reap;
    uint64_t exchanges; /* that ended cleanly */
    uint64_t written;   /* bytes that the kernel took, over all exchanges */
    int fd;
    bool ending; /* the end of the stream is among what there is to read: no event follows */
};

/* An idle connection to origin, or NULL. */
struct lki_conn *lki_conn_idle(const struct lki_session *session, const struct lki_origin *origin);

/*
 * Opens a connection for the exchange in hand in task: look-up and connect, with their times in
 * result. NULL: result->code, ->error and ->ended say why.
 */
struct lki_conn *lki_conn_open(struct lki_session *session, struct lki_task *task,
                               const struct lki_exchange_request *request, int64_t until_ns,
                               struct lki_arena *arena, struct lki_exchange_result *result);

/* The exchange is over and left the connection clean. */
static inline void lki_conn_keep(struct lki_conn *conn)
{
    conn->io.task = NULL;
    conn->exchanges++;
}

/* Whether the peer's kernel never acknowledged all that was written. After an end of stream that is
 * exact: what came after the peer had closed was refused, and nobody has read it. Where the system
 * does not tell, the answer is otherwise. */
bool lki_conn_undelivered(const struct lki_conn *conn, bool otherwise);

/* The memory goes at the end of the turn. */
void lki_conn_close(struct lki_conn *conn);

/* Sets code and error (a text in arena, or a static one for lack of memory). */
void lki_exchange_fail(struct lki_exchange_result *result, struct lki_arena *arena, lki_code code,
                       const char *fmt, ...) LK_PRINTF(4, 5);

/* Sets what a wait that did not bring its event means for the exchange. */
void lki_exchange_broken(struct lki_exchange_result *result, struct lki_arena *arena,
                         enum lki_wake why, const char *doing);

#endif
