/*
 * Bytes of a server on a WebSocket, behind its handshake: frames, good-byes, garbage. However they
 * come, what was read is bounded, and ends in one of the known ways; the owner may be full at any
 * message. The first byte of the input chooses how much comes with the handshake, and when the
 * owner is full.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/websocket.h"

#define MESSAGE_MAX 300
#define COME_MAX ((size_t)16 * 1024) /* so that the kernel takes it at once */

static struct lki_loop loop;
static struct lki_websocket ws;
static struct lki_session session;
static unsigned full_after;
static unsigned messages;

static bool on_message(struct lki_websocket *self, bool binary, const char *bytes, size_t len)
{
    char *copy = exact(bytes, len);

    (void)binary;
    must(len <= MESSAGE_MAX && !self->end);
    self->full = full_after && ++messages % full_after == 0;
    free(copy);
    return true;
}

static void on_pong(struct lki_websocket *self, const char *bytes, size_t len)
{
    (void)self;
    must(len <= 125);
    free(exact(bytes, len));
}

/* As lki_conn_open leaves it, but for the loop, which is turned by hand. */
static struct lki_conn *conn_new(int fd)
{
    struct lki_conn *conn = lki_zalloc(sizeof(*conn));

    must(conn != NULL);
    conn->fd = fd;
    conn->io.loop = &loop;
    conn->session = &session;
    session.conns = conn;
    return conn;
}

static void on_last(struct lki_post *post)
{
    (void)post;
    lki_loop_stop(&loop);
}

/* What was closed is given back at the end of a turn. */
static void run_posts(void)
{
    static struct lki_post last;

    loop.stopping = false;
    lki_loop_post(&loop, &last, on_last);
    lki_loop_run(&loop);
}

static void check(void)
{
    must(!ws.end || ws.code >= 1000);
    must(strlen(ws.reason) <= LKI_WS_REASON_MAX);
    must(ws.conn || ws.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t early = size ? lki_min((size_t)data[0] >> 3, size - 1) : 0;
    struct lki_conn *conn;
    char *first;
    int ends[2];

    if (!size || size > COME_MAX)
        return 0;
    if (!loop.base)
        must(!lki_loop_open(&loop));
    must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    must(send(ends[1], data + 1 + early, size - 1 - early, 0) == (ssize_t)(size - 1 - early));
    shutdown(ends[1], SHUT_WR);
    ws = (struct lki_websocket){.on_message = on_message, .on_pong = on_pong};
    full_after = data[0] & 7;
    messages = 0;
    first = exact(data + 1, early);
    conn = conn_new(ends[0]);
    must(!lki_websocket_start(&ws, conn, first, early, 1, MESSAGE_MAX));
    for (unsigned i = 0; ws.conn && !ws.end && i < size; i++) {
        check();
        ws.full = false;
        lki_websocket_resume(&ws);
    }
    must(ws.end != LKI_WS_OPEN); /* the stream has ended */
    check();
    lki_websocket_stop(&ws);
    must(!session.conns);
    run_posts();
    close(ends[1]);
    free(first);
    return 0;
}
