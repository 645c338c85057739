#include "net/http1.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/conn.h"
#include "net/http1_parse.h"

/* A body up to this size is sent together with the head from one buffer. */
#define SMALL_BODY_BYTES 8192
#define GROW_FIRST_BYTES 4096
/* Reads without a wait between them, until it is the others' turn. */
#define READS_A_TURN 16
/* Interim answers before the real one. */
#define INTERIM_MAX 50

/* Bytes of an answer that need a place of their own, growing in the arena. */
struct store {
    char *data;
    size_t len;
    size_t cap;
};

struct exchange {
    struct lki_task *task;
    struct lki_loop *loop;
    const struct lki_exchange_request *request;
    struct lki_exchange_result *result;
    struct lki_arena *arena;
    struct lki_conn *conn;
    int64_t until_ns;
    int64_t sent_ns;
    int64_t first_byte_ns;
    const char *in; /* received and not yet taken */
    size_t in_len;
    unsigned reads; /* since the last wait */
    bool more;      /* there may be more to read, of which no event will tell */
    bool clean;     /* the connection can serve another exchange */
    bool again;     /* it had been closed while idle, and the request may be sent once more */
};

static bool fail(struct exchange *x, lki_code code, const char *text)
{
    lki_exchange_fail(x->result, x->arena, code, "%s", text);
    return false;
}

static bool no_memory(struct exchange *x)
{
    return fail(x, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the answer");
}

/* Whether a request that met the end of a kept-alive connection may be sent once more: if it came
 * too late to be read. That is sure after an end of stream. A reset is also what a server's kernel
 * sends for a request that came just as the server closed, and says less: then it is enough that
 * the request was never acknowledged, or that it may be carried out twice. */
static bool may_send_again(const struct exchange *x, int error)
{
    bool ended = error == 0 || error == EPIPE;
    bool idempotent = x->request->idempotent;

    if (x->result->bytes_received || !x->conn->exchanges)
        return false;
    if (!x->result->bytes_sent || (idempotent && !ended))
        return true;
    return lki_conn_undelivered(x->conn, idempotent);
}

/* The peer is gone: EOF (error 0) or an error of the socket. */
static bool lost(struct exchange *x, int error)
{
    x->again = may_send_again(x, error);
    lki_exchange_fail(x->result, x->arena, LKI_CODE_HTTP_RESET, "%s after %llu bytes of the answer",
                      error ? strerror(error) : "connection closed by the server",
                      (unsigned long long)x->result->bytes_received);
    return false;
}

/* ---- sending ---- */

/* Waits until the socket takes more. False: the exchange is over, or the server answered early. */
static bool wait_writable(struct exchange *x, bool *answered)
{
    int ready = 0;
    enum lki_wake why = lki_task_wait_fd(x->task, x->conn->fd, LKI_WRITABLE | LKI_EDGE, x->until_ns,
                                         &ready);

    if (why != LKI_WAKE_EVENT) {
        lki_exchange_broken(x->result, x->arena, why, "sending");
        return false;
    }
    if (ready < 0)
        return fail(x, LKI_CODE_HTTP_RESET, "out of memory");
    *answered = ready == 0;
    return !*answered;
}

/* The parts of a request that are still to be sent. */
struct rest {
    struct iovec part[2];
};

static size_t rest_bytes(const struct rest *rest)
{
    return rest->part[0].iov_len + rest->part[1].iov_len;
}

static void rest_advance(struct rest *rest, size_t sent)
{
    for (int i = 0; i < 2; i++) {
        size_t take = lki_min(sent, rest->part[i].iov_len);

        rest->part[i].iov_base = (char *)rest->part[i].iov_base + take;
        rest->part[i].iov_len -= take;
        sent -= take;
    }
}

/* Whoever looks in between must not take a request for one that is neither sent nor being sent. */
static inline void show_sending(const struct lki_sent *wire, uint32_t sending)
{
    __asm__ volatile("" ::: "memory");
    *wire->sending = sending;
}

/* Sets result->sent when the kernel has taken the last byte. */
static ssize_t send_some(struct exchange *x, struct rest *rest)
{
    const struct lki_sent *wire = x->request->wire;
    struct msghdr message = {.msg_iov = rest->part, .msg_iovlen = 2};
    ssize_t sent;

    show_sending(wire, 1);
    if (!rest->part[1].iov_len)
        sent = send(x->conn->fd, rest->part[0].iov_base, rest->part[0].iov_len, MSG_NOSIGNAL);
    else
        sent = sendmsg(x->conn->fd, &message, MSG_NOSIGNAL);
    if (sent > 0) {
        x->result->bytes_sent += (uint64_t)sent;
        x->conn->written += (uint64_t)sent;
        x->result->sent = (size_t)sent == rest_bytes(rest);
        *wire->sent += x->result->sent;
        if (LKI_UNLIKELY(!x->result->sent))
            rest_advance(rest, (size_t)sent);
    }
    show_sending(wire, 0);
    return sent;
}

/* The slow path: the socket did not take all at once. The head lies in the scratch buffer, which
 * does not survive a wait. */
static bool send_rest(struct exchange *x, struct rest *rest)
{
    bool answered = false;

    rest->part[0].iov_base = lki_arena_copy(x->arena, rest->part[0].iov_base,
                                            rest->part[0].iov_len);
    if (!rest->part[0].iov_base)
        return no_memory(x);
    while (!x->result->sent) {
        if (!wait_writable(x, &answered))
            return answered;
        if (send_some(x, rest) < 0 && errno != EAGAIN && errno != EINTR)
            return lost(x, errno);
    }
    return true;
}

static bool send_request(struct exchange *x)
{
    const struct lki_exchange_request *request = x->request;
    struct lki_buf *out = &x->loop->scratch;
    bool together = request->body_bytes <= SMALL_BODY_BYTES;
    struct rest rest = {{{0}}};

    lki_buf_clear(out);
    request->write_head(request->arg, out);
    if (together && request->body_bytes)
        lki_buf_append(out, request->body, request->body_bytes);
    if (out->err)
        return fail(x, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the request");
    rest.part[0] = (struct iovec){out->data, out->len};
    if (!together)
        rest.part[1] = (struct iovec){(void *)(uintptr_t)request->body, request->body_bytes};
    if (send_some(x, &rest) < 0 && errno != EAGAIN && errno != EINTR)
        return lost(x, errno);
    if (LKI_UNLIKELY(!x->result->sent))
        return send_rest(x, &rest);
    return true;
}

/* ---- receiving ---- */

/* Lets the next read be made: waits for an event, or, where more may be there already, lets the
 * others run now and then, since a server may send faster than we read. */
static bool wait_readable(struct exchange *x)
{
    enum lki_wake why = LKI_WAKE_EVENT;

    if (!x->more) {
        x->reads = 0;
        why = lki_task_wait(x->task, x->until_ns);
    } else if (++x->reads % READS_A_TURN == 0) {
        why = lki_task_yield(x->task);
        if (why == LKI_WAKE_EVENT && lki_loop_now(x->loop) >= x->until_ns)
            why = LKI_WAKE_TIMEOUT;
    }
    if (LKI_LIKELY(why == LKI_WAKE_EVENT))
        return true;
    lki_exchange_broken(x->result, x->arena, why,
                        x->first_byte_ns ? "receiving the answer" : "waiting for the answer");
    return false;
}

/* Waits for bytes of the answer. Returns how many came, 0 at the end of the stream, or -1 when the
 * exchange is over. A read that comes back short has emptied the socket: the next bytes, or the end
 * of the stream, are an event of their own, unless that one was told already. */
static ssize_t receive(struct exchange *x, char *into, size_t cap)
{
    for (;;) {
        ssize_t got;

        if (!wait_readable(x))
            return -1;
        got = recv(x->conn->fd, into, cap, 0);
        x->more = x->conn->ending || got == (ssize_t)cap;
        if (LKI_LIKELY(got > 0)) {
            if (!x->first_byte_ns)
                x->first_byte_ns = lki_loop_now(x->loop);
            x->result->bytes_received += (uint64_t)got;
            return got;
        }
        if (got == 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR) {
            lost(x, errno);
            return -1;
        }
        x->more = errno == EINTR;
    }
}

static bool store_reserve(struct exchange *x, struct store *store, size_t more)
{
    size_t cap = store->cap ? store->cap : GROW_FIRST_BYTES;
    char *data;

    if (store->cap - store->len >= more)
        return true;
    while (cap - store->len < more)
        cap *= 2;
    data = lki_arena_alloc(x->arena, cap);
    if (!data)
        return false;
    if (store->len)
        memcpy(data, store->data, store->len);
    store->data = data;
    store->cap = cap;
    return true;
}

/* More of the head: what has come so far moves to store, where the next bytes join it. */
static bool receive_head_more(struct exchange *x, struct store *store)
{
    ssize_t got;

    if (x->in != store->data || !store->data) {
        store->len = 0;
        if (!store_reserve(x, store, x->in_len + GROW_FIRST_BYTES / 2))
            return no_memory(x);
        /* after an interim answer what is left may lie in the store already */
        memmove(store->data, x->in, x->in_len);
        store->len = x->in_len;
    } else if (!store_reserve(x, store, GROW_FIRST_BYTES / 2)) {
        return no_memory(x);
    }
    got = receive(x, store->data + store->len, store->cap - store->len);
    if (got < 0)
        return false;
    if (got == 0)
        return lost(x, 0);
    store->len += (size_t)got;
    x->in = store->data;
    x->in_len = store->len;
    return true;
}

static bool receive_head(struct exchange *x, struct lki_http1_head *head)
{
    struct store store = {0};
    unsigned interim = 0;
    ssize_t got = receive(x, x->loop->read_buffer, LKI_READ_BUFFER_BYTES);

    if (got < 0)
        return false;
    if (got == 0)
        return lost(x, 0);
    x->in = x->loop->read_buffer;
    x->in_len = (size_t)got;
    lki_http1_head_start(head, x->request->is_head, LKI_HTTP1_HEAD_MAX);
    for (;;) {
        int done = x->request->memo
                       ? lki_http1_head_recall(x->request->memo, head, x->in, x->in_len)
                       : lki_http1_head_parse(head, x->in, x->in_len);

        if (LKI_LIKELY(done == 1 && head->status >= 200))
            return true;
        if (done < 0)
            return fail(x, LKI_CODE_HTTP_PROTOCOL, head->error);
        if (done == 1) {
            /* an interim answer: the real one follows */
            if (++interim > INTERIM_MAX)
                return fail(x, LKI_CODE_HTTP_PROTOCOL, "interim answers without end");
            x->in += head->head_bytes;
            x->in_len -= head->head_bytes;
            lki_http1_head_start(head, x->request->is_head, LKI_HTTP1_HEAD_MAX);
        } else if (!receive_head_more(x, &store)) {
            return false;
        }
    }
}

static bool too_large(struct exchange *x)
{
    lki_exchange_fail(x->result, x->arena, LKI_CODE_HTTP_TOO_LARGE,
                      "the answer's body is larger than %zu bytes", x->request->max_body_bytes);
    return false;
}

static bool body_of_length(struct exchange *x, uint64_t length)
{
    struct lki_exchange_result *result = x->result;
    size_t have = (size_t)(length < x->in_len ? length : x->in_len);

    if (length > x->request->max_body_bytes)
        return too_large(x);
    result->body = lki_arena_alloc(x->arena, (size_t)length + 1);
    if (!result->body)
        return no_memory(x);
    memcpy(result->body, x->in, have);
    x->in_len -= have;
    while (have < length) {
        /* one byte more than there should be: a read that comes back short is the last one */
        ssize_t got = receive(x, result->body + have, (size_t)length - have + 1);

        if (got < 0)
            return false;
        if (got == 0) {
            lki_exchange_fail(result, x->arena, LKI_CODE_HTTP_RESET,
                              "connection closed after %zu of %llu bytes of the body", have,
                              (unsigned long long)length);
            return false;
        }
        have += (size_t)got;
    }
    x->more = x->more || have > length;
    result->body[length] = '\0';
    result->body_bytes = (size_t)length;
    return true;
}

/* Takes what is at hand of a chunked body. 1: complete, 0: more is to come, -1: over. */
static int take_chunks(struct exchange *x, struct lki_http1_chunked *chunked, struct store *body)
{
    size_t used;
    size_t out;
    int done;

    if (!store_reserve(x, body, x->in_len + 1)) {
        no_memory(x);
        return -1;
    }
    done = lki_http1_chunked_feed(chunked, x->in, x->in_len, &used, body->data + body->len, &out);
    x->in += used;
    x->in_len -= used;
    body->len += out;
    if (done < 0)
        fail(x, LKI_CODE_HTTP_PROTOCOL, chunked->error);
    else if (body->len > x->request->max_body_bytes)
        return too_large(x) ? 0 : -1;
    return done < 0 ? -1 : done;
}

/* A body whose length shows only at its end: chunked, or up to the end of the connection. */
static bool body_of_unknown_length(struct exchange *x, bool is_chunked)
{
    struct lki_http1_chunked chunked = {0};
    struct store body = {0};
    int done = 0;

    for (;;) {
        ssize_t got;

        if (is_chunked) {
            done = take_chunks(x, &chunked, &body);
        } else if (x->in_len > x->request->max_body_bytes - body.len) {
            return too_large(x);
        } else if (!store_reserve(x, &body, x->in_len + 1)) {
            return no_memory(x);
        } else {
            memcpy(body.data + body.len, x->in, x->in_len);
            body.len += x->in_len;
        }
        if (done < 0)
            return false;
        if (done == 1)
            break;
        got = receive(x, x->loop->read_buffer, LKI_READ_BUFFER_BYTES);
        if (got < 0)
            return false;
        if (got == 0 && is_chunked)
            return lost(x, 0);
        if (got == 0)
            break;
        x->in = x->loop->read_buffer;
        x->in_len = (size_t)got;
    }
    if (!is_chunked)
        x->in_len = 0;
    body.data[body.len] = '\0';
    x->result->body = body.data;
    x->result->body_bytes = body.len;
    return true;
}

static bool receive_body(struct exchange *x, const struct lki_http1_head *head)
{
    switch (head->body) {
    case LKI_BODY_LENGTH:
        return body_of_length(x, head->content_length);
    case LKI_BODY_CHUNKED:
        return body_of_unknown_length(x, true);
    case LKI_BODY_CLOSE:
        return body_of_unknown_length(x, false);
    case LKI_BODY_NONE:
        break;
    }
    return true;
}

static bool receive_answer(struct exchange *x)
{
    struct lki_exchange_result *result = x->result;
    struct lki_http1_head head;

    if (!receive_head(x, &head))
        return false;
    result->head = lki_arena_copy(x->arena, x->in, head.head_bytes);
    if (!result->head)
        return no_memory(x);
    result->head_bytes = head.head_bytes;
    x->in += head.head_bytes;
    x->in_len -= head.head_bytes;
    if (!receive_body(x, &head))
        return false;
    result->status = head.status;
    result->code = (lki_code)head.status;
    x->clean = head.keep_alive && x->in_len == 0 && !x->more && result->sent &&
               !x->request->new_connection;
    *x->request->wire->sent += !result->sent;
    result->sent = true;
    return true;
}

/* ---- the whole ---- */

static void note_times(struct exchange *x)
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

static void attempt(struct exchange *x, struct lki_session *session, bool again)
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
    if (x->conn && send_request(x)) {
        x->sent_ns = lki_loop_now(x->loop);
        result->phase_ns[LKI_PHASE_SEND] = x->sent_ns - connected_ns;
        receive_answer(x);
    }
    note_times(x);
    if (x->conn && x->clean)
        lki_conn_keep(x->conn);
    else if (x->conn)
        lki_conn_close(x->conn);
}

void lki_exchange(struct lki_session *session, struct lki_task *task,
                  const struct lki_exchange_request *request, struct lki_arena *arena,
                  struct lki_exchange_result *result)
{
    int64_t start_ns = lki_loop_now(task->loop);
    int64_t until_ns = lki_ns_after(start_ns, request->timeout_ns);

    for (unsigned retries = 0;; retries++) {
        struct exchange x = {.task = task,
                             .loop = task->loop,
                             .request = request,
                             .result = result,
                             .arena = arena,
                             .until_ns = until_ns};

        *result = (struct lki_exchange_result){.error = "", .body = "", .head = ""};
        for (int i = 0; i < LKI_PHASE_COUNT; i++)
            result->phase_ns[i] = -1;
        result->retries = retries;
        result->start_ns = retries ? lki_loop_now(task->loop) : start_ns;
        attempt(&x, session, retries > 0);
        if (!x.again || retries)
            return;
        *request->wire->sent -= result->sent;
    }
}
