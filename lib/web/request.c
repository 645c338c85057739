/*
 * A request on its way from libevent to its handler, and what handlers may ask of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "web/inner.h"
#include "web/route.h"

/* A body, all that is decoded, and what handlers make of it. */
#define ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)

static const char *method_of(const struct evhttp_request *http)
{
    switch (evhttp_request_get_command(http)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    default:
        return "?";
    }
}

static struct lki_web_request *request_new(struct lki_web_conn *conn, struct evhttp_request *http)
{
    struct lki_web_request *request = lki_zalloc(sizeof(*request));

    if (!request)
        return NULL;
    request->web = conn->web;
    request->conn = conn;
    request->http = http;
    request->method = method_of(http);
    request->target.path = "";
    lki_arena_init(&request->arena, NULL, ARENA_MAX_BYTES);
    conn->request = request;
    return request;
}

void lki_web_request_free(struct lki_web_request *request)
{
    if (request->web->handled == request)
        request->web->handled = NULL;
    lki_arena_reset(&request->arena);
    free(request);
}

/* When the client went, libevent has let go of its request, and left it to us. */
void lki_web_request_gone(struct lki_web_request *request)
{
    if (!evhttp_request_get_connection(request->http))
        evhttp_request_free(request->http);
    if (request->on_gone)
        request->on_gone(request->gone_arg);
    lki_web_request_free(request);
}

static bool take_target(struct lki_web_request *request)
{
    const char *text = evhttp_request_get_uri(request->http);
    const char *why;
    enum lk_err err = lki_web_target_parse(&request->target, &request->arena, text, &why);

    if (!err)
        return true;
    if (err == LK_E_FORMAT)
        lki_web_fail(request, 400, "bad_request", NULL, "%s", why);
    else if (err == LK_E_LIMIT)
        lki_web_fail(request, 404, "not_found", NULL, "no such path");
    else
        lki_web_fail(request, 500, "internal_error", NULL, "out of memory");
    return false;
}

/* A method that is not known may have had a body, which libevent has not read. */
static void fail_unrouted(struct lki_web_request *request, bool has_path)
{
    struct lki_buf methods;

    if (!has_path) {
        lki_web_fail(request, 404, "not_found", NULL, "there is no %s here", request->target.path);
        return;
    }
    lki_buf_init(&methods, LKI_WEB_HEAD_MAX);
    lki_web_route_methods(&request->web->settings, &request->target, &methods);
    if (lki_buf_cstr(&methods))
        lki_web_answer_header(request, "Allow", methods.data);
    lki_web_fail(request, 405, "method_not_allowed", NULL, "%s takes %s", request->target.path,
                 methods.err ? "other methods" : methods.data);
    lki_buf_release(&methods);
}

/* What a path takes; to a browser that asks for a page of another origin, what that may do. */
static void answer_options(struct lki_web_request *request)
{
    struct lki_buf methods;

    lki_buf_init(&methods, LKI_WEB_HEAD_MAX);
    lki_web_route_methods(&request->web->settings, &request->target, &methods);
    if (lki_buf_cstr(&methods)) {
        lki_web_answer_header(request, "Allow", methods.data);
        if (lki_web_is_cors(request)) {
            lki_web_answer_header(request, "Access-Control-Allow-Methods", methods.data);
            lki_web_answer_header(request, "Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, X-Loadkit-Token");
            lki_web_answer_header(request, "Access-Control-Max-Age", "600");
        }
    }
    lki_buf_release(&methods);
    lki_web_answer(request, 204, NULL, NULL, 0);
}

static void handle(struct lki_web_request *request)
{
    struct lki_web *web = request->web;

    web->counts.requests++;
    web->handled = request;
    request->route->handler(request, web->settings.arg);
    if (web->handled && !request->waits)
        lki_web_fail(request, 500, "internal_error", NULL, "%s was not answered",
                     request->target.path);
    web->handled = NULL;
}

static void route(struct lki_web_request *request)
{
    const struct lki_web_route *found;
    bool has_path;

    found = lki_web_route_find(&request->web->settings, request->method, &request->target,
                               &has_path);
    request->route = found;
    if (has_path && !strcmp(request->method, "OPTIONS")) {
        answer_options(request);
        return;
    }
    if (!(found && found->open) && !lki_web_guard_token(request))
        return;
    if (!found)
        fail_unrouted(request, has_path);
    else if (lki_web_guard_body(request))
        handle(request);
}

/* Until the answer libevent would take what comes next on the connection for a mistake of its own,
 * and end the process. Its handler of errors alone stays. */
static void hold_input(struct lki_web_conn *conn)
{
    bufferevent_event_cb event_cb;
    void *arg;

    bufferevent_getcb(conn->bev, NULL, NULL, &event_cb, &arg);
    bufferevent_setcb(conn->bev, NULL, NULL, event_cb, arg);
}

void lki_web_on_request(struct evhttp_request *http, void *arg)
{
    struct lki_web_conn *conn = lki_web_conn_of(arg, http);
    struct lki_web_request *request = conn ? request_new(conn, http) : NULL;

    if (!request) {
        evhttp_connection_free(evhttp_request_get_connection(http));
        return;
    }
    hold_input(conn);
    lki_web_conn_phase(conn, LKI_WEB_HANDLING, LKI_NEVER);
    if (lki_web_guard_framing(request) && lki_web_guard_origin(request) && take_target(request))
        route(request);
}

/* ---- for handlers */

const char *lki_web_method(const struct lki_web_request *request)
{
    return request->method;
}

const char *lki_web_path(const struct lki_web_request *request)
{
    return request->target.path;
}

const char *lki_web_segment(const struct lki_web_request *request, const char *name)
{
    return lki_web_route_segment(request->route, &request->target, name);
}

const char *lki_web_query(const struct lki_web_request *request, const char *name)
{
    return lki_web_target_param(&request->target, name);
}

const char *lki_web_header(const struct lki_web_request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request->http), name);
}

const char *lki_web_body(const struct lki_web_request *request, size_t *len)
{
    *len = request->body_len;
    return request->body ? request->body : "";
}

struct lki_arena *lki_web_arena(struct lki_web_request *request)
{
    return &request->arena;
}

/* A client that has gone is only found out by reading. */
void lki_web_wait(struct lki_web_request *request, void (*on_gone)(void *arg), void *arg)
{
    request->waits = true;
    request->on_gone = on_gone;
    request->gone_arg = arg;
    bufferevent_enable(request->conn->bev, EV_READ);
}
