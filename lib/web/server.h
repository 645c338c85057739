/*
 * An HTTP/1.1 server on a loop: routes, guarded as DESIGN 10 asks, answers in JSON, server-sent
 * events and WebSockets. What the routes mean is not known here.
 *
 * The process has to ignore SIGPIPE: libevent writes to connections that may be gone.
 */
#ifndef LKI_WEB_SERVER_H
#define LKI_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"
#include "loop/loop.h"

#define LKI_WEB_BODY_MAX ((size_t)1024 * 1024)
#define LKI_WEB_TOKEN_MIN 8 /* characters */

struct lki_web;
struct lki_web_request;

typedef void lki_web_handler(struct lki_web_request *request, void *arg);

/* ":name" in a path stands for one segment; of routes that match the first counts. HEAD is answered
 * as GET; OPTIONS by the server. */
struct lki_web_route {
    const char *method;
    const char *path; /* "/resources/:name/items" */
    lki_web_handler *handler;
    bool open; /* needs no token even if there is one: health, the page, login */
    bool body; /* a JSON object is needed; without, an empty body is fine, any other not looked at,
                * but it must be said to be JSON */
};

/* A zero means what stands behind it. */
struct lki_web_limits {
    size_t connections; /* 512; one too many takes the place of who has been idle longest */
    size_t streams;     /* 128 of the connections */
    size_t queue_bytes; /* 1 MB: so far a stream's client may be behind */
    int64_t request_ns; /* 30 s: a request must have come, and its answer must move on */
    int64_t idle_ns;    /* 60 s: a connection between two requests */
    int64_t beat_ns;    /* 15 s: between two signs of life on a stream */
};

/* All but the routes is copied. */
struct lki_web_settings {
    const char *address;              /* IPv4 or IPv6, numeric, or "localhost" */
    uint16_t port;                    /* 0: any that is free */
    const char *token;                /* NULL: none, which only loopback may have */
    const char *cors_origin;          /* "https://host:port"; NULL: none */
    const char *const *allowed_hosts; /* names by which we are known, without port */
    size_t allowed_host_count;
    const struct lki_web_route *routes; /* borrowed */
    size_t route_count;
    struct lki_web_limits limits;
    void *arg; /* of handlers */
};

struct lki_web_counts {
    size_t connections; /* open now, streams among them */
    size_t streams;
    uint64_t requests; /* since the start; what came to a handler */
    uint64_t refused;  /* by the server itself */
    uint64_t lost;     /* messages that slow clients of streams did not get */
};

/* On failure why says what to do: the port is in use, no token beyond loopback, ... */
enum lk_err lki_web_open(struct lki_web **out, struct lki_loop *loop,
                         const struct lki_web_settings *settings, struct lki_buf *why);
/* Answers what waits with 503 and says good-bye to streams, as far as it can be done at once. Not
 * from a handler; before its loop is closed. NULL is ignored. */
void lki_web_close(struct lki_web *web);
/* In a child after fork: gives up the child's copies of the descriptors, without a word to the
 * clients, who stay the parent's. After lki_loop_forked; the memory stays. */
void lki_web_forked(struct lki_web *web);

/* "127.0.0.1:8080", "[::1]:8080" */
const char *lki_web_address(const struct lki_web *web);
bool lki_web_has_token(const struct lki_web *web);
/* Can others than this machine reach it? Then somebody should say that TLS belongs in front. */
bool lki_web_is_exposed(const struct lki_web *web);
const struct lki_web_counts *lki_web_counts(const struct lki_web *web);

/* ---- a request; lives until it is answered, or on_gone ---- */

const char *lki_web_method(const struct lki_web_request *request); /* "HEAD" for a HEAD */
const char *lki_web_path(const struct lki_web_request *request);   /* decoded */
/* A segment of the route, decoded; NULL: none of that name. */
const char *lki_web_segment(const struct lki_web_request *request, const char *name);
/* A parameter of the query, decoded; NULL: not there. See web/form.h for typed ones. */
const char *lki_web_query(const struct lki_web_request *request, const char *name);
const char *lki_web_header(const struct lki_web_request *request, const char *name);
/* The body, terminated. */
const char *lki_web_body(const struct lki_web_request *request, size_t *len);
struct lki_arena *lki_web_arena(struct lki_web_request *request);

/* A field of the answer, on one line; before the answer. Security headers are there already;
 * Cache-Control and Content-Security-Policy are replaced by this. */
void lki_web_answer_header(struct lki_web_request *request, const char *name, const char *value);

/* Each of these ends the request, now or from a later call of the loop. */
void lki_web_answer(struct lki_web_request *request, int status, const char *type,
                    const void *bytes, size_t len);
/* A buffer that failed is answered with 500. */
void lki_web_json(struct lki_web_request *request, int status, const struct lki_buf *json);
/* {"error":{"code":..., "message":..., "details":...}}; details is JSON, or NULL. */
void lki_web_fail(struct lki_web_request *request, int status, const char *code,
                  const char *details, const char *fmt, ...) LK_PRINTF(5, 6);

/* For one that is not answered at once: told when the client has gone, after which it must not be
 * answered. Without it a handler that has not answered has failed: 500. */
void lki_web_wait(struct lki_web_request *request, void (*on_gone)(void *arg), void *arg);

/*
 * For browsers, whose EventSource, WebSocket and links cannot carry a header: if token is right,
 * the answer sets a cookie that stands for it until the server is closed. It holds a random number,
 * not the token, and is HttpOnly and SameSite=Strict. True without a token. Logging out takes it
 * away from the browser.
 */
bool lki_web_login(struct lki_web_request *request, const char *token);
void lki_web_logout(struct lki_web_request *request);
/* Does the request carry the token? For open routes that show more to who does. */
bool lki_web_is_authorized(const struct lki_web_request *request);

/* ---- streams: server-sent events and WebSockets alike ---- */

struct lki_web_stream;

/* The request becomes a stream of text messages; ends the request. NULL: it could not, and was
 * answered: 400 or 426 for what is no WebSocket's handshake, 503 for one stream too many. on_closed
 * is called once, also by lki_web_close, unless we close it; never within lki_web_stream_send. */
struct lki_web_stream *lki_web_socket(struct lki_web_request *request,
                                      void (*on_closed)(struct lki_web_stream *stream, void *arg),
                                      void *arg);
struct lki_web_stream *lki_web_events(struct lki_web_request *request,
                                      void (*on_closed)(struct lki_web_stream *stream, void *arg),
                                      void *arg);
/* type: of the event, for server-sent ones. text is UTF-8. A client that reads too slowly loses
 * messages, whole ones; false then. */
bool lki_web_stream_send(struct lki_web_stream *stream, const char *type, const char *text,
                         size_t len);
/* What was sent still goes out. The stream is not ours any more; not from on_closed. */
void lki_web_stream_close(struct lki_web_stream *stream);

#endif
