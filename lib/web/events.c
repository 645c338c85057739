/* Server-sent events: text, until the connection is closed. */
#include <string.h>

#include "web/stream.h"

#define HEAD_MAX_BYTES 1024
#define PING ": beat\n\n"

struct lki_web_stream *lki_web_events(struct lki_web_request *request,
                                      lki_web_stream_closed *on_closed, void *arg)
{
    struct lki_web_stream *stream;
    struct lki_buf head;

    if (!strcmp(request->method, "HEAD")) {
        lki_web_answer(request, 200, "text/event-stream", NULL, 0);
        return NULL;
    }
    stream = lki_web_stream_new(request, on_closed, arg);
    if (!stream)
        return NULL;
    lki_buf_init(&head, HEAD_MAX_BYTES);
    lki_buf_str(&head, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Cache-Control: no-store\r\nConnection: close\r\n"
                       "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n");
    if (lki_web_is_cors(request))
        lki_buf_printf(&head, "Access-Control-Allow-Origin: %s\r\nVary: Origin\r\n",
                       request->web->settings.cors_origin);
    lki_buf_str(&head, "\r\nretry: 1000\n\n");
    if (head.err) {
        lki_web_stream_free(stream);
        lki_web_fail(request, 500, "internal_error", NULL, "out of memory");
        stream = NULL;
    } else {
        lki_web_stream_begin(stream, request, &head);
    }
    lki_buf_release(&head);
    return stream;
}

static const char *line_end(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

static size_t lines_of(const char *text, size_t len)
{
    const char *end = text + len;
    size_t count = 1;

    for (const char *at = line_end(text, end); at < end; at = line_end(at + 1, end))
        count++;
    return count;
}

static char *put(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static char *event_put(char *out, const char *type, const char *text, size_t len)
{
    const char *end = text + len;

    if (type) {
        out = put(out, "event: ", 7);
        out = put(out, type, strlen(type));
        out = put(out, "\n", 1);
    }
    for (const char *at = text;;) {
        const char *to = line_end(at, end);

        out = put(out, "data: ", 6);
        out = put(out, at, (size_t)(to - at));
        out = put(out, "\n", 1);
        if (to == end)
            break;
        at = to + (end - to > 1 && to[0] == '\r' && to[1] == '\n' ? 2 : 1);
    }
    return put(out, "\n", 1);
}

/* Whole, or not at all. */
bool lki_web_events_write(struct lki_web_stream *stream, const char *type, const char *text,
                          size_t len)
{
    struct evbuffer *out = bufferevent_get_output(stream->conn->bev);
    size_t most = len + sizeof("event: \n\n") + (type ? strlen(type) : 0) +
                  sizeof("data: \n") * lines_of(text, len);
    struct evbuffer_iovec room;

    if (evbuffer_reserve_space(out, (ev_ssize_t)most, &room, 1) < 1)
        return false;
    room.iov_len = (size_t)(event_put(room.iov_base, type, text, len) - (char *)room.iov_base);
    return !evbuffer_commit_space(out, &room, 1);
}

bool lki_web_events_ping(struct lki_web_stream *stream)
{
    return !evbuffer_add(bufferevent_get_output(stream->conn->bev), PING, sizeof(PING) - 1);
}
