/*
 * Receiving an answer over HTTP/1.1.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "net/http1_inner.h"
#include "net/http1_parse.h"

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

/* Lets the next read be made: waits for an event, or, where more may be there already, lets the
 * others run now and then, since a server may send faster than we read. */
static bool wait_readable(struct lki_http1 *x)
{
    enum lki_wake why = LKI_WAKE_EVENT;

    if (!x->conn->more && !x->came) {
        x->reads = 0;
        why = LKI_LIKELY(x->result->sent) ? lki_task_wait(x->task, x->span.until_ns)
                                          : lki_http1_wait(x);
    } else if (++x->reads % READS_A_TURN == 0) {
        why = lki_task_yield(x->task);
        if (why == LKI_WAKE_EVENT && lki_loop_now(x->loop) >= x->span.until_ns)
            why = LKI_WAKE_TIMEOUT;
    }
    if (LKI_LIKELY(why == LKI_WAKE_EVENT))
        return true;
    lki_span_broken(&x->span, x->result, x->arena, why,
                    x->first_byte_ns ? "receiving the answer" : "waiting for the answer");
    return false;
}

/* Waits for bytes of the answer. Returns how many came, 0 at the end of the stream, or -1 when the
 * exchange is over. What comes back short has emptied the socket, but a reset behind it is no event
 * of its own: so that is looked for, when the answer is not complete, before the next wait. */
static ssize_t receive(struct lki_http1 *x, char *into, size_t cap)
{
    for (;;) {
        ssize_t got;

        if (!wait_readable(x))
            return -1;
        got = lki_conn_recv(x->conn, into, cap);
        x->came = got > 0;
        if (LKI_LIKELY(got > 0)) {
            if (!x->first_byte_ns) {
                x->first_byte_ns = lki_loop_now(x->loop);
                x->span = (struct lki_span){x->until_ns, LKI_NEVER};
            }
            x->result->bytes_received += (uint64_t)got;
            return got;
        }
        if (got == 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR) {
            lki_http1_lost(x, errno);
            return -1;
        }
    }
}

static bool store_reserve(struct lki_http1 *x, struct store *store, size_t more)
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
static bool receive_head_more(struct lki_http1 *x, struct store *store)
{
    ssize_t got;

    if (x->in != store->data || !store->data) {
        store->len = 0;
        if (!store_reserve(x, store, x->in_len + GROW_FIRST_BYTES / 2))
            return lki_http1_nomem(x);
        /* after an interim answer what is left may lie in the store already */
        memmove(store->data, x->in, x->in_len);
        store->len = x->in_len;
    } else if (!store_reserve(x, store, GROW_FIRST_BYTES / 2)) {
        return lki_http1_nomem(x);
    }
    got = receive(x, store->data + store->len, store->cap - store->len);
    if (got < 0)
        return false;
    if (got == 0)
        return lki_http1_lost(x, 0);
    store->len += (size_t)got;
    x->in = store->data;
    x->in_len = store->len;
    return true;
}

static void head_begin(const struct lki_http1 *x, struct lki_http1_head *head)
{
    lki_http1_head_start(head, x->request->is_head, LKI_HTTP1_HEAD_MAX);
    head->upgrade = x->request->upgrade;
}

static bool receive_head(struct lki_http1 *x, struct lki_http1_head *head)
{
    struct store store = {0};
    unsigned interim = 0;
    ssize_t got = receive(x, x->loop->read_buffer, LKI_READ_BUFFER_BYTES);

    if (got < 0)
        return false;
    if (got == 0)
        return lki_http1_lost(x, 0);
    x->in = x->loop->read_buffer;
    x->in_len = (size_t)got;
    head_begin(x, head);
    for (;;) {
        int done = x->request->memo && !head->upgrade
                       ? lki_http1_head_recall(x->request->memo, head, x->in, x->in_len)
                       : lki_http1_head_parse(head, x->in, x->in_len);

        if (LKI_LIKELY(done == 1 && (head->status >= 200 || head->status == 101)))
            return true;
        if (done < 0)
            return lki_http1_fail(x, LKI_CODE_HTTP_PROTOCOL, head->error);
        if (done == 1) {
            /* an interim answer: the real one follows */
            if (++interim > INTERIM_MAX)
                return lki_http1_fail(x, LKI_CODE_HTTP_PROTOCOL, "interim answers without end");
            x->in += head->head_bytes;
            x->in_len -= head->head_bytes;
            head_begin(x, head);
        } else if (!receive_head_more(x, &store)) {
            return false;
        }
    }
}

static bool too_large(struct lki_http1 *x)
{
    lki_exchange_fail(x->result, x->arena, LKI_CODE_HTTP_TOO_LARGE,
                      "the answer's body is larger than %zu bytes", x->request->max_body_bytes);
    return false;
}

static bool body_cut(struct lki_http1 *x, uint64_t have, uint64_t length)
{
    lki_exchange_fail(x->result, x->arena, LKI_CODE_HTTP_RESET,
                      "connection closed after %llu of %llu bytes of the body",
                      (unsigned long long)have, (unsigned long long)length);
    return false;
}

/* A body of known length that nobody wants. */
static bool body_dropped(struct lki_http1 *x, uint64_t length)
{
    uint64_t have = length < x->in_len ? length : x->in_len;

    x->in_len -= (size_t)have;
    while (have < length) {
        uint64_t left = length - have + 1;
        ssize_t got = receive(x, x->loop->read_buffer,
                              left < LKI_READ_BUFFER_BYTES ? (size_t)left : LKI_READ_BUFFER_BYTES);

        if (got < 0)
            return false;
        if (got == 0)
            return body_cut(x, have, length);
        have += (uint64_t)got;
    }
    x->in_len += (size_t)(have - length);
    return true;
}

static bool body_of_length(struct lki_http1 *x, uint64_t length)
{
    struct lki_exchange_result *result = x->result;
    size_t have = (size_t)(length < x->in_len ? length : x->in_len);

    if (LKI_UNLIKELY(x->request->discard_body))
        return body_dropped(x, length);
    if (length > x->request->max_body_bytes)
        return too_large(x);
    result->body = lki_arena_alloc(x->arena, (size_t)length + 1);
    if (!result->body)
        return lki_http1_nomem(x);
    memcpy(result->body, x->in, have);
    x->in_len -= have;
    while (have < length) {
        /* one byte more than there should be: a read that comes back short is the last one */
        ssize_t got = receive(x, result->body + have, (size_t)length - have + 1);

        if (got < 0)
            return false;
        if (got == 0)
            return body_cut(x, have, length);
        have += (size_t)got;
    }
    x->in_len += have - (size_t)length;
    result->body[length] = '\0';
    result->body_bytes = (size_t)length;
    return true;
}

/* Takes what is at hand of a chunked body. 1: complete, 0: more is to come, -1: over. */
static int take_chunks(struct lki_http1 *x, struct lki_http1_chunked *chunked, struct store *body)
{
    bool keep = !x->request->discard_body;
    size_t used;
    size_t out;
    int done;

    if (keep && !store_reserve(x, body, x->in_len + 1)) {
        lki_http1_nomem(x);
        return -1;
    }
    done = lki_http1_chunked_feed(chunked, x->in, x->in_len, &used,
                                  keep ? body->data + body->len : NULL, &out);
    x->in += used;
    x->in_len -= used;
    body->len += keep ? out : 0;
    if (done < 0)
        lki_http1_fail(x, LKI_CODE_HTTP_PROTOCOL, chunked->error);
    else if (body->len > x->request->max_body_bytes)
        return too_large(x) ? 0 : -1;
    return done < 0 ? -1 : done;
}

/* Takes what is at hand of a body that ends with the connection. 0: more is to come, -1: over. */
static int take_all(struct lki_http1 *x, struct store *body)
{
    if (x->request->discard_body) {
        x->in_len = 0;
        return 0;
    }
    if (x->in_len > x->request->max_body_bytes - body->len)
        return too_large(x) ? 0 : -1;
    if (!store_reserve(x, body, x->in_len + 1))
        return lki_http1_nomem(x) ? 0 : -1;
    memcpy(body->data + body->len, x->in, x->in_len);
    body->len += x->in_len;
    x->in_len = 0;
    return 0;
}

/* The stream has come to its end. Over TLS anybody could have made that of a connection. */
static bool body_ended(struct lki_http1 *x, bool is_chunked)
{
    if (is_chunked)
        return lki_http1_lost(x, 0);
    if (lki_conn_truncated(x->conn))
        return lki_http1_fail(x, LKI_CODE_HTTP_RESET, "connection cut off without an end of TLS");
    return true;
}

/* A body whose length shows only at its end: chunked, or up to the end of the connection. */
static bool body_of_unknown_length(struct lki_http1 *x, bool is_chunked)
{
    struct lki_http1_chunked chunked = {0};
    struct store body = {0};

    for (;;) {
        int done = is_chunked ? take_chunks(x, &chunked, &body) : take_all(x, &body);
        ssize_t got;

        if (done < 0)
            return false;
        if (done == 1)
            break;
        got = receive(x, x->loop->read_buffer, LKI_READ_BUFFER_BYTES);
        if (got < 0)
            return false;
        if (got == 0 && !body_ended(x, is_chunked))
            return false;
        if (got == 0)
            break;
        x->in = x->loop->read_buffer;
        x->in_len = (size_t)got;
    }
    if (!body.data)
        return true;
    body.data[body.len] = '\0';
    x->result->body = body.data;
    x->result->body_bytes = body.len;
    return true;
}

/* The connection is not HTTP's any more; what has come of its new life lies behind the head. */
static bool body_of_upgrade(struct lki_http1 *x)
{
    x->result->body = lki_arena_copy(x->arena, x->in, x->in_len);
    if (!x->result->body)
        return lki_http1_nomem(x);
    x->result->body_bytes = x->in_len;
    x->result->upgraded = x->conn;
    return true;
}

static bool receive_body(struct lki_http1 *x, const struct lki_http1_head *head)
{
    if (LKI_UNLIKELY(head->status == 101))
        return body_of_upgrade(x);
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

bool lki_http1_receive(struct lki_http1 *x)
{
    struct lki_exchange_result *result = x->result;
    struct lki_http1_head head;

    if (!receive_head(x, &head))
        return false;
    result->head = lki_arena_copy(x->arena, x->in, head.head_bytes);
    if (!result->head)
        return lki_http1_nomem(x);
    result->head_bytes = head.head_bytes;
    result->version = 10 + (head.minor_version > 0);
    x->in += head.head_bytes;
    x->in_len -= head.head_bytes;
    /* a reset that sending meets would look like the end of a body up to the end of the stream */
    x->unwanted |= head.status >= 300 || head.body == LKI_BODY_CLOSE;
    if (!receive_body(x, &head))
        return false;
    result->fields = head.fields;
    result->status = head.status;
    result->code = (lki_code)head.status;
    x->clean = head.keep_alive && x->in_len == 0 &&
               (!x->conn->more || !lki_conn_answers(x->conn)) && result->sent &&
               !x->request->new_connection;
    *x->request->wire->sent += !result->sent;
    result->sent = true;
    return true;
}
