/*
 * The connections: each known from the moment it is there, with one deadline for whatever it is at.
 * When there are too many, who has had nothing to say for longest makes room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "web/inner.h"

/* A whole body and its head fit in; what is sent beyond that waits in the kernel. libevent's own
 * high-water mark would do the same, but crash when there is no memory for it. */
#define INPUT_MAX (LKI_WEB_BODY_MAX + 2 * LKI_WEB_HEAD_MAX)
/* Written at once: a history has megabytes, and between two writes the loop does all else. */
#define WRITE_MAX ((size_t)1024 * 1024)
#define LINE_BYTES 40 /* of "HTTP/1.1 400 Bad Request", whatever the version */

static void unlink_conn(struct lki_web_conn *conn)
{
    struct lki_web *web = conn->web;

    *(conn->prev ? &conn->prev->next : &web->first) = conn->next;
    *(conn->next ? &conn->next->prev : &web->last) = conn->prev;
}

static void link_last(struct lki_web_conn *conn)
{
    struct lki_web *web = conn->web;

    conn->next = NULL;
    conn->prev = web->last;
    *(web->last ? &web->last->next : &web->first) = conn;
    web->last = conn;
}

void lki_web_conn_phase(struct lki_web_conn *conn, enum lki_web_phase phase, int64_t for_ns)
{
    struct lki_loop *loop = conn->web->loop;

    conn->phase = phase;
    if (phase == LKI_WEB_IDLE) {
        unlink_conn(conn);
        link_last(conn);
    }
    if (for_ns == LKI_NEVER)
        lki_timer_cancel(&conn->deadline);
    else
        lki_timer_set(&loop->timers, &conn->deadline, lki_loop_now(loop) + for_ns);
}

void lki_web_conn_end(struct lki_web_conn *conn)
{
    evhttp_connection_free(conn->http);
}

void lki_web_conn_flush(struct lki_web_conn *conn)
{
    struct evbuffer *out = bufferevent_get_output(conn->bev);

    evbuffer_unfreeze(out, 1);
    evbuffer_write(out, bufferevent_getfd(conn->bev));
    evbuffer_freeze(out, 1);
}

static void error_page(struct lki_buf *out, int status, const char *code, const char *message)
{
    struct lki_buf json;

    lki_buf_init(&json, LKI_WEB_HEAD_MAX);
    lki_web_error_write(&json, code, NULL, message);
    lki_buf_printf(out,
                   "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\nCache-Control: no-store\r\n"
                   "X-Content-Type-Options: nosniff\r\n\r\n",
                   status, lki_web_phrase(status), json.len);
    lki_buf_append(out, json.data, json.len);
    if (json.err)
        out->err = json.err;
    lki_buf_release(&json);
}

void lki_web_conn_refuse(struct lki_web_conn *conn, int status, const char *code,
                         const char *message)
{
    struct lki_buf page;

    lki_buf_init(&page, LKI_WEB_HEAD_MAX);
    error_page(&page, status, code, message);
    if (!page.err)
        send(bufferevent_getfd(conn->bev), page.data, page.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    lki_buf_release(&page);
    conn->web->counts.refused++;
}

/* ---- what libevent has to say by itself */

static const char *own_page(int status, const char **code)
{
    switch (status) {
    case 413:
        *code = "too_large";
        return "the body is larger than 1 MB, or its chunks are malformed";
    case 417:
        *code = "expectation_failed";
        return "Expect can only be 100-continue";
    default:
        *code = "bad_request";
        return "this is not HTTP/1.1 as it should be, or has more than 32 kB of header fields";
    }
}

/* Learns which error libevent is writing, which it does in pieces and in HTML; false: none. */
static bool swap_begin(struct lki_web_conn *conn, struct evbuffer *out)
{
    char line[LINE_BYTES] = "";
    const char *message;
    const char *code;
    int status;

    evbuffer_unfreeze(out, 1);
    evbuffer_copyout(out, line, sizeof(line) - 1);
    evbuffer_freeze(out, 1);
    status = atoi(line + strcspn(line, " "));
    if (status < 400)
        return false;
    message = own_page(status, &code);
    error_page(&conn->swapped, status, code, message);
    conn->web->counts.refused++;
    lki_web_conn_phase(conn, LKI_WEB_ANSWERING, conn->web->settings.limits.request_ns);
    return !conn->swapped.err;
}

/* Nothing of it has gone out before libevent is through with it. */
static void swap(struct lki_web_conn *conn, struct evbuffer *out)
{
    if (conn->swapped.err || (!conn->swapped.len && !swap_begin(conn, out)))
        return;
    conn->swapping = true;
    evbuffer_unfreeze(out, 1);
    evbuffer_drain(out, evbuffer_get_length(out));
    evbuffer_freeze(out, 1);
    evbuffer_add(out, conn->swapped.data, conn->swapped.len);
    conn->swapping = false;
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    struct lki_web_conn *conn = arg;

    if (conn->swapping)
        return;
    if (info->n_added && !conn->ours)
        swap(conn, out);
    conn->moves |= info->n_deleted > 0;
    if (info->n_deleted && conn->phase == LKI_WEB_ANSWERING)
        lki_web_conn_phase(conn, LKI_WEB_ANSWERING, conn->web->settings.limits.request_ns);
}

static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
    struct lki_web_conn *conn = arg;

    if (info->n_added && conn->phase == LKI_WEB_IDLE)
        lki_web_conn_phase(conn, LKI_WEB_READING, conn->web->settings.limits.request_ns);
    if (evbuffer_get_length(in) > INPUT_MAX)
        bufferevent_disable(conn->bev, EV_READ);
}

/* ---- coming and going */

static void conn_free(struct lki_web_conn *conn)
{
    evbuffer_remove_cb(bufferevent_get_output(conn->bev), on_output, conn);
    evbuffer_remove_cb(bufferevent_get_input(conn->bev), on_input, conn);
    unlink_conn(conn);
    conn->web->counts.connections--;
    lki_timer_release(&conn->web->loop->timers, &conn->deadline);
    lki_buf_release(&conn->swapped);
    free(conn);
}

/* From within evhttp_connection_free, which alone ends a connection. */
static void on_closed(struct evhttp_connection *http, void *arg)
{
    struct lki_web_conn *conn = arg;
    struct lki_web_request *request = conn->request;
    struct lki_web_stream *stream = conn->stream;

    (void)http;
    conn_free(conn);
    if (request)
        lki_web_request_gone(request);
    if (stream)
        lki_web_stream_gone(stream);
}

static void on_deadline(struct lki_timer *timer)
{
    struct lki_web_conn *conn = LKI_CONTAINER(timer, struct lki_web_conn, deadline);

    if (conn->phase == LKI_WEB_READING)
        lki_web_conn_refuse(conn, 408, "timeout", "the request did not come in time");
    lki_web_conn_end(conn);
}

/* The longest idle one goes, which may be who has just come. */
static bool make_room(struct lki_web *web)
{
    struct lki_web_conn *conn = web->first;

    while (conn && conn->phase > LKI_WEB_READING)
        conn = conn->next;
    if (!conn)
        return false;
    if (conn == web->last)
        lki_web_conn_refuse(conn, 503, "too_many_connections",
                            "as many connections as there may be are in use; try again");
    lki_web_conn_end(conn);
    return true;
}

/* Whom libevent has made of the bufferevent that we gave it. It stays ours too until here, since
 * libevent may have run out of memory and freed it, or left it lying. */
static void adopt(struct lki_web_conn *conn)
{
    void *http = NULL;

    bufferevent_getcb(conn->bev, NULL, NULL, NULL, &http);
    if (http) {
        conn->http = http;
        evhttp_connection_set_closecb(http, on_closed, conn);
        bufferevent_decref(conn->bev);
        lki_web_conn_phase(conn, LKI_WEB_IDLE, conn->web->settings.limits.idle_ns);
    } else {
        struct bufferevent *bev = conn->bev;

        conn_free(conn);
        if (bufferevent_getfd(bev) < 0)
            bufferevent_free(bev);
        bufferevent_decref(bev);
    }
}

void lki_web_conns_adopt(struct lki_web *web)
{
    struct lki_web_conn *next;

    for (struct lki_web_conn *conn = web->first; conn; conn = next) {
        next = conn->next;
        if (!conn->http)
            adopt(conn);
    }
    while (web->counts.connections > web->settings.limits.connections && make_room(web))
        ;
}

/* Before anything can come from the new ones: that takes another look at the descriptors. */
static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    lki_web_conns_adopt(arg);
}

static struct lki_web_conn *conn_new(struct lki_web *web, struct bufferevent *bev)
{
    struct lki_web_conn *conn = lki_zalloc(sizeof(*conn));

    if (!conn || lki_timer_init(&web->loop->timers, &conn->deadline, on_deadline)) {
        free(conn);
        return NULL;
    }
    conn->web = web;
    conn->bev = bev;
    lki_buf_init(&conn->swapped, LKI_WEB_HEAD_MAX);
    link_last(conn);
    web->counts.connections++;
    if (!evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn) ||
        !evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn)) {
        conn_free(conn);
        return NULL;
    }
    return conn;
}

/* libevent asks for what the connection that has just been accepted is to be read by. NULL: it
 * takes one of its own, of which we know nothing, and whose first request is not answered. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
    struct lki_web *web = arg;

    if (!bev)
        return NULL;
    if (!conn_new(web, bev)) {
        bufferevent_free(bev);
        return NULL;
    }
    bufferevent_incref(bev);
    bufferevent_set_max_single_write(bev, WRITE_MAX);
    event_active(web->adopt, EV_TIMEOUT, 1);
    return bev;
}

bool lki_web_conns_watch(struct lki_web *web)
{
    web->adopt = event_new(web->loop->base, -1, 0, on_adopt, web);
    if (web->adopt)
        evhttp_set_bevcb(web->http, on_connection, web);
    return web->adopt != NULL;
}

struct lki_web_conn *lki_web_conn_of(struct lki_web *web, struct evhttp_request *http)
{
    struct evhttp_connection *wanted = evhttp_request_get_connection(http);
    struct lki_web_conn *conn = web->first;

    while (conn && conn->http != wanted)
        conn = conn->next;
    return conn;
}
