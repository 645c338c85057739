#include "web/server.h"

#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "web/host.h"
#include "web/inner.h"
#include "web/listen.h"
#include "web/token.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024)
#define AGAIN_NS LKI_NS_PER_S
/* What libevent does not know it would answer by itself, and less well. */
#define ALL_METHODS 0xffff

static const struct lki_web_limits default_limits = {
    .connections = 512,
    .streams = 128,
    .queue_bytes = (size_t)1024 * 1024,
    .request_ns = 30 * LKI_NS_PER_S,
    .idle_ns = 60 * LKI_NS_PER_S,
    .beat_ns = 15 * LKI_NS_PER_S,
};

static void fill_limits(struct lki_web_limits *limits)
{
    if (!limits->connections)
        limits->connections = default_limits.connections;
    if (!limits->streams)
        limits->streams = default_limits.streams;
    if (!limits->queue_bytes)
        limits->queue_bytes = default_limits.queue_bytes;
    if (!limits->request_ns)
        limits->request_ns = default_limits.request_ns;
    if (!limits->idle_ns)
        limits->idle_ns = default_limits.idle_ns;
    if (!limits->beat_ns)
        limits->beat_ns = default_limits.beat_ns;
}

/* ---- settings */

static bool copy_text(struct lki_arena *arena, const char **text)
{
    if (*text)
        *text = lki_arena_copy(arena, *text, strlen(*text));
    return *text != NULL;
}

static enum lk_err copy_settings(struct lki_web *web, const struct lki_web_settings *settings)
{
    size_t count = settings->allowed_host_count;
    const char **hosts = lki_arena_alloc(&web->arena, count * sizeof(*hosts));
    bool fine = hosts != NULL;

    web->settings = *settings;
    fill_limits(&web->settings.limits);
    for (size_t i = 0; fine && i < count; i++) {
        hosts[i] = settings->allowed_hosts[i];
        fine = copy_text(&web->arena, &hosts[i]);
    }
    web->settings.allowed_hosts = hosts;
    fine = fine && copy_text(&web->arena, &web->settings.address);
    fine = fine && (!settings->token || copy_text(&web->arena, &web->settings.token));
    fine = fine && (!settings->cors_origin || copy_text(&web->arena, &web->settings.cors_origin));
    return fine ? LK_OK : LK_E_NOMEM;
}

static enum lk_err find_address(struct lki_web *web, struct lki_web_address *address,
                                struct lki_buf *why)
{
    const char *text = web->settings.address;

    if (!strcmp(text, "localhost"))
        text = "127.0.0.1";
    *address = lki_web_address_parse(text, strlen(text));
    if (address->family)
        return LK_OK;
    lki_buf_printf(why, "cannot listen on %s: an IPv4 or IPv6 address was expected, or localhost",
                   text);
    return LK_E_ARG;
}

static enum lk_err check_token(const struct lki_web *web, struct lki_buf *why)
{
    const char *token = web->settings.token;
    const char *fault = token ? lki_web_token_fault(token) : NULL;

    if (fault) {
        lki_buf_printf(why, "%s", fault);
        return LK_E_ARG;
    }
    if (token || web->loopback)
        return LK_OK;
    lki_buf_printf(why,
                   "%s can be reached from other machines, and there is no token: whoever comes "
                   "along could command the test. Give one by --token-file or LK_TOKEN, and put a "
                   "proxy with TLS in front, since this is plain HTTP; or listen on 127.0.0.1",
                   web->settings.address);
    return LK_E_ARG;
}

static enum lk_err check_cors(const struct lki_web *web, struct lki_buf *why)
{
    const char *origin = web->settings.cors_origin;
    const char *host = origin ? strstr(origin, "://") : NULL;
    size_t len;

    if (!origin || (host && host > origin && lki_web_host_split(host + 3, &len)))
        return LK_OK;
    lki_buf_printf(why, "%s is no origin, such as https://example.com:8443", origin);
    return LK_E_ARG;
}

/* ---- opening */

/* Accepting fails when no descriptor is left. The listener would ask for the connection that waits
 * over and over: it rests, and is woken by the clock. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    evconnlistener_disable(listener);
}

static void on_again(struct lki_timer *timer)
{
    struct lki_web *web = LKI_CONTAINER(timer, struct lki_web, again);

    evconnlistener_enable(evhttp_bound_socket_get_listener(web->bound));
    lki_timer_set(&web->loop->timers, timer, lki_loop_now(web->loop) + AGAIN_NS);
}

static enum lk_err open_http(struct lki_web *web, int fd)
{
    struct evconnlistener *listener;

    web->http = evhttp_new(web->loop->base);
    listener = evconnlistener_new(web->loop->base, NULL, NULL,
                                  LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, fd);
    if (!listener) {
        close(fd);
        return LK_E_NOMEM;
    }
    web->bound = web->http ? evhttp_bind_listener(web->http, listener) : NULL;
    if (!web->bound || !lki_web_conns_watch(web)) {
        if (!web->bound)
            evconnlistener_free(listener);
        return LK_E_NOMEM;
    }
    evconnlistener_set_error_cb(listener, on_accept_failed);
    evhttp_set_gencb(web->http, lki_web_on_request, web);
    evhttp_set_allowed_methods(web->http, ALL_METHODS);
    evhttp_set_default_content_type(web->http, NULL);
    evhttp_set_max_headers_size(web->http, LKI_WEB_HEAD_MAX);
    evhttp_set_max_body_size(web->http, LKI_WEB_BODY_MAX);
    evhttp_set_flags(web->http, EVHTTP_SERVER_LINGERING_CLOSE);
    return LK_OK;
}

static enum lk_err open_socket(struct lki_web *web, const struct lki_web_address *address,
                               struct lki_buf *why)
{
    enum lk_err err;
    int fd = -1;

    web->port = web->settings.port;
    err = lki_web_listen(&fd, address, &web->port, why);
    if (err)
        return err;
    lki_web_place_write(web->place, address, web->port);
    err = open_http(web, fd);
    if (err)
        lki_buf_str(why, "out of memory");
    return err;
}

static enum lk_err open_all(struct lki_web *web, const struct lki_web_settings *settings,
                            struct lki_buf *why)
{
    struct lki_web_address address;
    enum lk_err err = copy_settings(web, settings);

    if (!err)
        err = lki_timer_init(&web->loop->timers, &web->again, on_again);
    if (err) {
        lki_buf_str(why, "out of memory");
        return err;
    }
    err = find_address(web, &address, why);
    if (err)
        return err;
    web->loopback = lki_web_address_is_loopback(&address);
    err = check_token(web, why);
    if (!err)
        err = check_cors(web, why);
    if (!err && !lki_web_session_make(web)) {
        lki_buf_str(why, "the system gives no random numbers");
        err = LK_E_SYSTEM;
    }
    return err ? err : open_socket(web, &address, why);
}

enum lk_err lki_web_open(struct lki_web **out, struct lki_loop *loop,
                         const struct lki_web_settings *settings, struct lki_buf *why)
{
    struct lki_web *web = lki_zalloc(sizeof(*web));
    enum lk_err err;

    if (!web) {
        lki_buf_str(why, "out of memory");
        return LK_E_NOMEM;
    }
    web->loop = loop;
    lki_arena_init(&web->arena, NULL, ARENA_MAX_BYTES);
    err = open_all(web, settings, why);
    if (err) {
        lki_web_close(web);
        return err;
    }
    lki_timer_set(&loop->timers, &web->again, lki_loop_now(loop) + AGAIN_NS);
    *out = web;
    return LK_OK;
}

/* ---- closing */

static void take_leave(struct lki_web_conn *conn)
{
    if (conn->stream)
        lki_web_stream_farewell(conn->stream);
    else if (conn->phase == LKI_WEB_ANSWERING)
        lki_web_conn_flush(conn);
    else if (conn->phase == LKI_WEB_HANDLING)
        lki_web_conn_refuse(conn, 503, "closing", "the server is being closed");
}

void lki_web_close(struct lki_web *web)
{
    if (!web)
        return;
    lki_web_conns_adopt(web);
    for (struct lki_web_conn *conn = web->first; conn; conn = conn->next)
        take_leave(conn);
    if (web->http)
        evhttp_free(web->http);
    if (web->adopt)
        event_free(web->adopt);
    lki_timer_release(&web->loop->timers, &web->again);
    lki_arena_reset(&web->arena);
    free(web);
}

void lki_web_forked(struct lki_web *web)
{
    close(evhttp_bound_socket_get_fd(web->bound));
    for (const struct lki_web_conn *conn = web->first; conn; conn = conn->next)
        close(bufferevent_getfd(conn->bev));
}

/* ---- */

const char *lki_web_address(const struct lki_web *web)
{
    return web->place;
}

bool lki_web_has_token(const struct lki_web *web)
{
    return web->settings.token != NULL;
}

bool lki_web_is_exposed(const struct lki_web *web)
{
    return !web->loopback;
}

const struct lki_web_counts *lki_web_counts(const struct lki_web *web)
{
    return &web->counts;
}
