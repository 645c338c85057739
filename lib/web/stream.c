#include "web/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define SILENT_BEATS_MAX 3
#define LEAVE_NS (5 * LKI_NS_PER_S)
/* Beyond what messages may take: answers to a client's pings. */
#define PINGS_MAX_BYTES ((size_t)64 * 1024)

static size_t queued(const struct lki_web_stream *stream)
{
    return evbuffer_get_length(bufferevent_get_output(stream->conn->bev));
}

static void beat_in(struct lki_web_stream *stream, int64_t ns)
{
    struct lki_loop *loop = stream->web->loop;

    lki_timer_set(&loop->timers, &stream->beat, lki_loop_now(loop) + ns);
}

void lki_web_stream_end(struct lki_web_stream *stream)
{
    lki_web_conn_end(stream->conn);
}

void lki_web_stream_free(struct lki_web_stream *stream)
{
    lki_timer_release(&stream->web->loop->timers, &stream->beat);
    if (stream->socket)
        wslay_event_context_free(stream->socket);
    free(stream);
}

void lki_web_stream_gone(struct lki_web_stream *stream)
{
    stream->web->counts.streams--;
    if (stream->on_closed)
        stream->on_closed(stream, stream->arg);
    lki_web_stream_free(stream);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct lki_web_stream *stream = arg;

    stream->silent = 0;
    if (!stream->socket) {
        evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
        return;
    }
    if (!lki_web_socket_read(stream) ||
        queued(stream) > stream->web->settings.limits.queue_bytes + PINGS_MAX_BYTES ||
        (stream->agreed && !queued(stream)))
        lki_web_stream_end(stream);
}

/* All has gone out. */
static void on_written(struct bufferevent *bev, void *arg)
{
    struct lki_web_stream *stream = arg;

    (void)bev;
    if (stream->agreed)
        lki_web_stream_end(stream);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    lki_web_stream_end(arg);
}

/* Is the client there, as far as can be told without asking it? What has gone out since the last
 * beat it has made room for; and nobody answers comments among events. */
static bool shows_life(const struct lki_web_stream *stream)
{
    return queued(stream) ? stream->conn->moves : !stream->socket;
}

static void on_beat(struct lki_timer *timer)
{
    struct lki_web_stream *stream = LKI_CONTAINER(timer, struct lki_web_stream, beat);
    bool fine;

    if (shows_life(stream))
        stream->silent = 0;
    stream->conn->moves = false;
    fine = !stream->closing && stream->silent++ < SILENT_BEATS_MAX;
    if (fine && !queued(stream))
        fine = stream->socket ? lki_web_socket_ping(stream) : lki_web_events_ping(stream);
    if (fine)
        beat_in(stream, stream->web->settings.limits.beat_ns);
    else
        lki_web_stream_end(stream);
}

struct lki_web_stream *lki_web_stream_new(struct lki_web_request *request,
                                          lki_web_stream_closed *on_closed, void *arg)
{
    struct lki_web *web = request->web;
    struct lki_web_stream *stream;

    if (web->counts.streams >= web->settings.limits.streams) {
        lki_web_fail(request, 503, "too_many_streams", NULL,
                     "as many streams as there may be are open: %zu", web->counts.streams);
        return NULL;
    }
    stream = lki_zalloc(sizeof(*stream));
    if (!stream || lki_timer_init(&web->loop->timers, &stream->beat, on_beat)) {
        free(stream);
        lki_web_fail(request, 500, "internal_error", NULL, "out of memory");
        return NULL;
    }
    stream->web = web;
    stream->conn = request->conn;
    stream->on_closed = on_closed;
    stream->arg = arg;
    return stream;
}

/* Messages go at once, and a client that has vanished is given up by the kernel. */
static void tune(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
#ifdef TCP_USER_TIMEOUT
    unsigned patience_ms = 60000;

    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof(patience_ms));
#endif
}

/* libevent keeps its own request on the connection, and frees it along with that. */
void lki_web_stream_begin(struct lki_web_stream *stream, struct lki_web_request *request,
                          const struct lki_buf *head)
{
    struct lki_web_conn *conn = stream->conn;

    stream->web->counts.streams++;
    conn->request = NULL;
    conn->stream = stream;
    conn->ours = true;
    lki_web_conn_phase(conn, LKI_WEB_STREAMING, LKI_NEVER);
    tune(bufferevent_getfd(conn->bev));
    bufferevent_setcb(conn->bev, on_readable, on_written, on_event, stream);
    evbuffer_add(bufferevent_get_output(conn->bev), head->data, head->len);
    bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
    if (evbuffer_get_length(bufferevent_get_input(conn->bev)))
        bufferevent_trigger(conn->bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
    beat_in(stream, stream->web->settings.limits.beat_ns);
    lki_web_request_free(request);
}

bool lki_web_stream_send(struct lki_web_stream *stream, const char *type, const char *text,
                         size_t len)
{
    size_t before = queued(stream);
    bool fits = !before || before + len <= stream->web->settings.limits.queue_bytes;

    if (stream->closing || stream->agreed)
        return false;
    if (fits && (stream->socket ? lki_web_socket_write(stream, text, len)
                                : lki_web_events_write(stream, type, text, len)))
        return true;
    stream->web->counts.lost++;
    return false;
}

void lki_web_stream_close(struct lki_web_stream *stream)
{
    stream->on_closed = NULL;
    stream->closing = true;
    if (stream->socket)
        lki_web_socket_leave(stream, WSLAY_CODE_NORMAL_CLOSURE);
    else
        stream->agreed = true;
    if (stream->agreed && !queued(stream))
        lki_web_stream_end(stream);
    else
        beat_in(stream, LEAVE_NS);
}

void lki_web_stream_farewell(struct lki_web_stream *stream)
{
    if (stream->socket && !stream->closing)
        lki_web_socket_leave(stream, WSLAY_CODE_GOING_AWAY);
    lki_web_conn_flush(stream->conn);
}
