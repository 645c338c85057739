#include "net/http1.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/http1_inner.h"
#include "net/tls.h"

/* How long a server may take from the end of TLS to that of TCP. */
#define END_NS LKI_NS_PER_S

bool lki_http1_fail(struct lki_http1 *x, lki_code code, const char *text)
{
    lki_exchange_fail(x->result, x->arena, code, "%s", text);
    return false;
}

bool lki_http1_nomem(struct lki_http1 *x)
{
    return lki_http1_fail(x, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the answer");
}

/* Servers end TLS and then TCP, and what comes in between is acknowledged, but never read: then the
 * end of TCP is a reset. */
static bool ends_unread(struct lki_http1 *x)
{
    int64_t soon_ns = lki_ns_after(lki_loop_now(x->loop), END_NS);
    int64_t until_ns = soon_ns < x->until_ns ? soon_ns : x->until_ns;
    enum lki_wake why = LKI_WAKE_EVENT;

    while (why == LKI_WAKE_EVENT) {
        char bytes[64];
        ssize_t got = recv(x->conn->fd, bytes, sizeof(bytes), 0);

        if (got == 0)
            return false;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return errno == ECONNRESET;
        if (got < 0)
            why = lki_task_wait(x->task, until_ns);
    }
    if (why != LKI_WAKE_TIMEOUT)
        x->result->ended = why;
    return false;
}

/* Whether a request that met the end of a kept-alive connection may be sent once more: if it came
 * too late to be read. That is sure after an end of stream. A reset is also what a server's kernel
 * sends for a request that came just as the server closed, and says less: then it is enough that
 * the request was never acknowledged, or that it may be carried out twice. */
static bool may_send_again(struct lki_http1 *x, int error)
{
    bool ended = error == 0 || error == EPIPE;
    bool idempotent = x->request->idempotent;

    if (x->result->bytes_received || !x->conn->exchanges)
        return false;
    if (!x->result->bytes_sent || (idempotent && !ended))
        return true;
    if (error == 0 && x->conn->tls && !lki_conn_truncated(x->conn) && ends_unread(x))
        return true;
    return x->result->ended == LKI_WAKE_EVENT && lki_conn_undelivered(x->conn, idempotent);
}

bool lki_http1_lost(struct lki_http1 *x, int error)
{
    if (error && x->conn->tls && lki_tls_refused(x->conn))
        error = EPROTO;
    x->again = may_send_again(x, error);
    if (error == EPROTO)
        lki_exchange_fail(x->result, x->arena, LKI_CODE_HTTP_TLS, "TLS with %s: %s",
                          x->request->origin->authority, lki_conn_why(x->conn, error));
    else
        lki_exchange_fail(x->result, x->arena, LKI_CODE_HTTP_RESET,
                          "%s after %llu bytes of the answer",
                          error ? strerror(error) : "connection closed by the server",
                          (unsigned long long)x->result->bytes_received);
    return false;
}

static void note_times(struct lki_http1 *x)
{
    struct lki_exchange_result *result = x->result;

    result->end_ns = lki_loop_now(x->loop);
    if (!x->sent_ns)
        return;
    if (!x->first_byte_ns) {
        result->phase_ns[LKI_PHASE_WAIT] = result->end_ns - x->sent_ns;
        return;
    }
    result->phase_ns[LKI_PHASE_WAIT] = x->first_byte_ns - x->sent_ns;
    result->phase_ns[LKI_PHASE_RECEIVE] = result->end_ns - x->first_byte_ns;
}

static void attempt(struct lki_http1 *x, struct lki_session *session, bool again)
{
    struct lki_exchange_result *result = x->result;
    int64_t connected_ns = result->start_ns;

    x->conn = again || x->request->new_connection ? NULL
                                                  : lki_conn_idle(session, x->request->origin);
    if (x->conn) {
        x->conn->io.task = x->task;
    } else {
        x->conn = lki_conn_open(session, x->task, x->request, x->until_ns, x->arena, result);
        connected_ns = lki_loop_now(x->loop);
    }
    if (x->conn && lki_http1_send(x)) {
        x->sent_ns = lki_loop_now(x->loop);
        result->phase_ns[LKI_PHASE_SEND] = x->sent_ns - connected_ns;
        x->span = lki_span_begin(x->sent_ns, x->request->limits.first_byte_ns, x->until_ns);
        lki_http1_receive(x);
    }
    note_times(x);
    if (LKI_UNLIKELY(result->upgraded != NULL))
        return;
    if (x->conn && x->clean)
        lki_conn_keep(x->conn);
    else if (x->conn)
        lki_conn_close(x->conn);
}

void lki_http1_exchange(struct lki_session *session, struct lki_task *task,
                        const struct lki_exchange_request *request, struct lki_arena *arena,
                        struct lki_exchange_result *result)
{
    int64_t start_ns = lki_loop_now(task->loop);
    int64_t until_ns = lki_ns_after(start_ns, request->timeout_ns);

    for (unsigned retries = 0;; retries++) {
        struct lki_http1 x = {.task = task,
                              .loop = task->loop,
                              .request = request,
                              .result = result,
                              .arena = arena,
                              .until_ns = until_ns};

        lki_exchange_begin(result, retries ? lki_loop_now(task->loop) : start_ns);
        result->retries = retries;
        attempt(&x, session, retries > 0);
        if (!x.again || retries)
            return;
        *request->wire->sent -= result->sent;
    }
}
