/*
 * Sending a request over HTTP/1.1.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/http1_inner.h"

/* A body up to this size is sent together with the head from one buffer. */
#define SMALL_BODY_BYTES 8192

/* Waits until the socket takes more. False: the exchange is over, or the server answered early. */
static bool wait_writable(struct lki_http1 *x, bool *answered)
{
    int ready = 0;

    do {
        enum lki_wake why = lki_task_wait_fd(x->task, x->conn->fd, LKI_WRITABLE | LKI_EDGE,
                                             x->until_ns, &ready);

        if (why != LKI_WAKE_EVENT) {
            lki_exchange_broken(x->result, x->arena, why, "sending");
            return false;
        }
        if (ready < 0)
            return lki_http1_fail(x, LKI_CODE_HTTP_RESET, "out of memory");
    } while (ready == 0 && !lki_conn_answers(x->conn));
    *answered = ready == 0;
    x->conn->more = x->conn->more || *answered;
    return !*answered;
}

static size_t rest_bytes(const struct iovec rest[2])
{
    return rest[0].iov_len + rest[1].iov_len;
}

static void rest_advance(struct iovec rest[2], size_t sent)
{
    for (int i = 0; i < 2; i++) {
        size_t take = lki_min(sent, rest[i].iov_len);

        rest[i].iov_base = (char *)rest[i].iov_base + take;
        rest[i].iov_len -= take;
        sent -= take;
    }
}

/* Whoever looks in between must not take a request for one that is neither sent nor being sent. */
static inline void show_sending(const struct lki_sent *wire, uint32_t sending)
{
    __asm__ volatile("" ::: "memory");
    *wire->sending = sending;
}

static ssize_t hand_to_tls(struct lki_conn *conn, const struct iovec rest[2])
{
    ssize_t all = 0;

    for (int i = 0; i < 2; i++) {
        const struct iovec *part = &rest[i];
        ssize_t sent = part->iov_len ? lki_conn_send(conn, part->iov_base, part->iov_len) : 0;

        if (sent < 0)
            return all ? all : sent;
        all += sent;
        if ((size_t)sent < part->iov_len)
            break;
    }
    return all;
}

static ssize_t hand_over(struct lki_conn *conn, struct iovec rest[2])
{
    struct msghdr message = {.msg_iov = rest, .msg_iovlen = 2};
    ssize_t sent;

    if (LKI_UNLIKELY(conn->tls != NULL))
        return hand_to_tls(conn, rest);
    if (!rest[1].iov_len)
        sent = send(conn->fd, rest[0].iov_base, rest[0].iov_len, MSG_NOSIGNAL);
    else
        sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    if (sent > 0)
        conn->written += (uint64_t)sent;
    return sent;
}

/* Sets result->sent when the kernel has taken the last byte. */
static ssize_t send_some(struct lki_http1 *x)
{
    const struct lki_sent *wire = x->request->wire;
    ssize_t sent;

    show_sending(wire, 1);
    sent = hand_over(x->conn, x->rest);
    if (sent > 0) {
        x->result->bytes_sent += (uint64_t)sent;
        x->result->sent = (size_t)sent == rest_bytes(x->rest);
        *wire->sent += x->result->sent;
        if (LKI_UNLIKELY(!x->result->sent))
            rest_advance(x->rest, (size_t)sent);
    }
    show_sending(wire, 0);
    return sent;
}

/* The server takes no more. What it has said before it went may be an answer, though to less than
 * the whole. */
static bool send_fail(struct lki_http1 *x, int error)
{
    char byte;

    if (!x->result->bytes_sent || recv(x->conn->fd, &byte, 1, MSG_PEEK) != 1)
        return lki_http1_lost(x, error);
    x->unwanted = x->conn->more = true;
    return true;
}

/* The slow path: the socket did not take all at once. The head lies in the scratch buffer, which
 * does not survive a wait. */
static bool send_rest(struct lki_http1 *x)
{
    bool answered = false;

    x->rest[0].iov_base = lki_arena_copy(x->arena, x->rest[0].iov_base, x->rest[0].iov_len);
    if (!x->rest[0].iov_base)
        return lki_http1_nomem(x);
    while (!x->result->sent) {
        if (!wait_writable(x, &answered))
            return answered;
        if (send_some(x) < 0 && errno != EAGAIN && errno != EINTR)
            return send_fail(x, errno);
    }
    return true;
}

bool lki_http1_send(struct lki_http1 *x)
{
    const struct lki_exchange_request *request = x->request;
    struct lki_buf *out = &x->loop->scratch;
    bool together = request->body_bytes <= SMALL_BODY_BYTES;

    lki_buf_clear(out);
    request->write_head(request->arg, out);
    if (together && request->body_bytes)
        lki_buf_append(out, request->body, request->body_bytes);
    if (out->err)
        return lki_http1_fail(x, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the request");
    x->rest[0] = (struct iovec){out->data, out->len};
    if (!together)
        x->rest[1] = (struct iovec){(void *)(uintptr_t)request->body, request->body_bytes};
    if (send_some(x) < 0 && errno != EAGAIN && errno != EINTR)
        return lki_http1_lost(x, errno);
    if (LKI_UNLIKELY(!x->result->sent))
        return send_rest(x);
    return true;
}

enum lki_wake lki_http1_wait(struct lki_http1 *x)
{
    while (!x->result->sent && !x->unwanted) {
        int ready = 0;
        enum lki_wake why = lki_task_wait_fd(x->task, x->conn->fd, LKI_WRITABLE | LKI_EDGE,
                                             x->span.until_ns, &ready);

        if (why == LKI_WAKE_EVENT && ready)
            x->unwanted = ready < 0 || (send_some(x) < 0 && errno != EAGAIN && errno != EINTR);
        /* what the server has said before it went is there to be read */
        if (why != LKI_WAKE_EVENT || !ready || x->unwanted)
            return why;
    }
    return lki_task_wait(x->task, x->span.until_ns);
}
