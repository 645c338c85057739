/*
 * Messages over a stream socket: each follows its length, in four bytes, low ones first. Whatever
 * does not fit that ends the connection, as do errors: what comes after them cannot be told apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bus/end.h"
#include "bus/link.h"

#define HEAD_BYTES ((size_t)4)
#define READ_BYTES ((size_t)64 * 1024)
/* A buffer that was larger for one message is not kept. */
#define KEEP_BYTES ((size_t)1024 * 1024)
/* What may wait to be sent: at least any one message. */
#define QUEUE_MAX_BYTES (HEAD_BYTES + LKI_MESSAGE_MAX)

_Static_assert(LKI_MESSAGE_MAX <= UINT32_MAX, "the length of a message fits into its head");

struct frame {
    struct frame *next;
    size_t len; /* the head included */
    size_t sent;
    char bytes[];
};

struct socket {
    struct lki_end end;
    int fd;                /* -1: the peer is gone */
    bool broken;           /* nothing can be sent; what came is still read */
    struct lki_io in, out; /* out: only while something waits to be sent */
    struct frame *first, **last;
    size_t queued_bytes;
    struct lki_buf read;
};

static struct socket *socket_of(struct lki_link *link)
{
    return LKI_CONTAINER(link, struct socket, end.link);
}

static void drop_queue(struct socket *s)
{
    while (s->first) {
        struct frame *frame = s->first;

        s->first = frame->next;
        free(frame);
    }
    s->last = &s->first;
    s->queued_bytes = 0;
}

/* Nothing comes or goes any more. */
static void disconnect(struct socket *s)
{
    drop_queue(s);
    lki_io_stop(&s->in);
    lki_io_stop(&s->out);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static void socket_free(struct socket *s)
{
    disconnect(s);
    lki_buf_release(&s->read);
    lki_end_release(&s->end);
    free(s);
}

/* What has arrived is still to be read; then comes the end. */
static void give_up_sending(struct socket *s)
{
    s->broken = true;
    drop_queue(s);
    lki_io_stop(&s->out);
    shutdown(s->fd, SHUT_RDWR);
}

/* Sends what the kernel takes. */
static void send_queue(struct socket *s)
{
    while (s->first) {
        struct frame *frame = s->first;
        ssize_t sent = send(s->fd, frame->bytes + frame->sent, frame->len - frame->sent,
                            MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
            return;
        if (sent < 0) {
            give_up_sending(s);
            return;
        }
        frame->sent += (size_t)sent;
        if (frame->sent < frame->len)
            continue;
        s->first = frame->next;
        if (!s->first)
            s->last = &s->first;
        s->queued_bytes -= frame->len;
        free(frame);
    }
}

static void on_writable(struct lki_io *io, unsigned events)
{
    struct socket *s = LKI_CONTAINER(io, struct socket, out);

    (void)events;
    send_queue(s);
    if (!s->first)
        lki_io_stop(&s->out);
}

static enum lk_err queue_add(struct socket *s, const void *bytes, size_t len)
{
    struct frame *frame = NULL;

    if (s->queued_bytes <= QUEUE_MAX_BYTES - len - HEAD_BYTES)
        frame = malloc(sizeof(*frame) + HEAD_BYTES + len);
    if (!frame)
        return LK_E_NOMEM;
    *frame = (struct frame){.len = HEAD_BYTES + len};
    for (size_t i = 0; i < HEAD_BYTES; i++)
        frame->bytes[i] = (char)(len >> 8 * i & 255);
    memcpy(frame->bytes + HEAD_BYTES, bytes, len);
    *s->last = frame;
    s->last = &frame->next;
    s->queued_bytes += frame->len;
    return LK_OK;
}

/* A message is in the queue before its first byte is sent: none is ever begun that there is no
 * memory for. */
static enum lk_err socket_send(struct lki_link *link, const void *bytes, size_t len)
{
    struct socket *s = socket_of(link);
    enum lk_err err = lki_end_check(len);
    bool waited = s->first != NULL;

    if (err || s->fd < 0 || s->broken)
        return err;
    err = queue_add(s, bytes, len);
    if (!err && !waited)
        send_queue(s);
    if (!err && s->first && !s->out.started &&
        lki_io_start(s->end.loop, &s->out, s->fd, LKI_WRITABLE, on_writable))
        give_up_sending(s);
    return err;
}

static void socket_close(struct lki_link *link)
{
    struct socket *s = socket_of(link);

    if (s->end.closed)
        return;
    s->end.closed = true;
    if (s->fd >= 0)
        send_queue(s);
    if (s->end.telling)
        disconnect(s);
    else
        socket_free(s);
}

/* The length of the message whose head is at `at`, if that is there. */
static bool head_read(const struct socket *s, size_t at, size_t *len)
{
    if (s->read.len - at < HEAD_BYTES)
        return false;
    *len = 0;
    for (size_t i = 0; i < HEAD_BYTES; i++)
        *len |= (size_t)(unsigned char)s->read.data[at + i] << 8 * i;
    return true;
}

/* Forgets what was told. */
static void compact(struct socket *s, size_t told)
{
    s->read.len -= told;
    if (s->read.len && told)
        memmove(s->read.data, s->read.data + told, s->read.len);
    if (!s->read.len && s->read.cap > KEEP_BYTES)
        lki_buf_release(&s->read);
}

enum verdict { GO_ON, WAIT, GONE, CLOSED };

/* Tells of all that is whole. */
static enum verdict tell_all(struct socket *s)
{
    enum verdict verdict = GO_ON;
    size_t told = 0;
    size_t len;

    while (verdict == GO_ON && head_read(s, told, &len)) {
        if (lki_end_check(len))
            verdict = GONE;
        else if (s->read.len - told - HEAD_BYTES < len)
            break;
        else if (!lki_end_listens(&s->end))
            verdict = WAIT;
        else if (!lki_end_tell(&s->end, s->read.data + told + HEAD_BYTES, len))
            verdict = CLOSED;
        if (verdict == GO_ON)
            told += HEAD_BYTES + len;
    }
    compact(s, told);
    return verdict;
}

static enum verdict receive(struct socket *s)
{
    char *at = lki_buf_reserve(&s->read, READ_BYTES);
    ssize_t got;

    if (!at)
        return GONE;
    got = recv(s->fd, at, READ_BYTES, 0);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK ? GO_ON : GONE;
    s->read.len += (size_t)got;
    return got ? tell_all(s) : GONE;
}

static void on_readable(struct lki_io *io, unsigned events);

static void conclude(struct socket *s, enum verdict verdict)
{
    if (verdict == WAIT)
        lki_io_stop(&s->in);
    if (verdict == GO_ON && !s->in.started &&
        lki_io_start(s->end.loop, &s->in, s->fd, LKI_READABLE, on_readable))
        verdict = GONE;
    if (verdict == GONE) {
        disconnect(s);
        if (!lki_end_tell_gone(&s->end))
            verdict = CLOSED;
    }
    if (verdict == CLOSED)
        socket_free(s);
}

static void on_readable(struct lki_io *io, unsigned events)
{
    struct socket *s = LKI_CONTAINER(io, struct socket, in);

    (void)events;
    conclude(s, lki_end_listens(&s->end) ? receive(s) : WAIT);
}

static void on_look(struct lki_timer *look)
{
    struct socket *s = LKI_CONTAINER(look, struct socket, end.look);

    if (s->fd >= 0 && lki_end_listens(&s->end))
        conclude(s, tell_all(s));
}

static const struct lki_link_ops ops = {socket_send, socket_close};

static enum lk_err prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return LK_E_SYSTEM;
    return LK_OK;
}

enum lk_err lki_socket_link_open(struct lki_link **out, struct lki_loop *loop, int fd)
{
    struct socket *s = lki_zalloc(sizeof(*s));
    enum lk_err err = s ? lki_end_init(&s->end, loop, &ops, on_look) : LK_E_NOMEM;

    if (err) {
        free(s);
        close(fd);
        return err;
    }
    s->fd = fd;
    s->last = &s->first;
    lki_buf_init(&s->read, HEAD_BYTES + LKI_MESSAGE_MAX + READ_BYTES);
    err = prepare(fd);
    if (!err)
        err = lki_io_start(loop, &s->in, fd, LKI_READABLE, on_readable);
    if (err)
        socket_free(s);
    else
        *out = &s->end.link;
    return err;
}

void lki_socket_link_flush(struct lki_link *link, int64_t limit_ns)
{
    struct socket *s = socket_of(link);
    int64_t until_ns = lki_ns_after(lki_clock_real(), limit_ns);

    while (s->first) {
        struct pollfd wait = {.fd = s->fd, .events = POLLOUT};
        int64_t left_ns;

        send_queue(s);
        left_ns = until_ns - lki_clock_real();
        if (!s->first || left_ns <= 0)
            break;
        poll(&wait, 1, (int)(left_ns / LKI_NS_PER_MS > 1000 ? 1000 : left_ns / LKI_NS_PER_MS + 1));
    }
    if (!s->first)
        lki_io_stop(&s->out);
}
