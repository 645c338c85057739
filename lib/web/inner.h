/*
 * What the files of the server share, and nobody else sees.
 *
 * libevent owns connections and requests. A connection is freed by it alone, which tells us first
 * (its closecb); when we want one gone we ask for that. See lib/README.md for what of libevent 2.1
 * has to be worked around.
 */
#ifndef LKI_WEB_INNER_H
#define LKI_WEB_INNER_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdarg.h>

#include "web/listen.h"
#include "web/server.h"
#include "web/target.h"

#define LKI_WEB_HEAD_MAX ((size_t)32 * 1024)
#define LKI_WEB_SESSION_BYTES 16

enum lki_web_phase {
    LKI_WEB_IDLE,      /* nothing of a request has come yet */
    LKI_WEB_READING,   /* a part of one */
    LKI_WEB_HANDLING,  /* a handler has it, or will answer later */
    LKI_WEB_ANSWERING, /* the answer is on its way */
    LKI_WEB_STREAMING,
};

/* Moves on in the order of the above; all time-outs but those of streams are its one deadline. */
struct lki_web_conn {
    struct lki_web_conn *next, *prev; /* who came to be idle first stands first */
    struct lki_web *web;
    struct bufferevent *bev;
    struct evhttp_connection *http; /* NULL: it is on its way into being */
    struct lki_timer deadline;
    enum lki_web_phase phase;
    struct lki_web_request *request;
    struct lki_web_stream *stream;
    bool moves;    /* something has gone out since who looks at this last did so */
    bool ours;     /* what goes out now is written by us, not by libevent itself */
    bool swapping; /* what libevent had to say becomes JSON: */
    struct lki_buf swapped;
};

struct lki_web_request {
    struct lki_web *web;
    struct lki_web_conn *conn;
    struct evhttp_request *http;
    struct lki_arena arena;
    const char *method;
    struct lki_web_target target;
    const struct lki_web_route *route;
    const char *body;
    size_t body_len;
    bool closes; /* no other request follows on its connection */
    bool waits;
    void (*on_gone)(void *arg);
    void *gone_arg;
};

struct lki_web {
    struct lki_loop *loop;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct event *adopt; /* runs when connections have come */
    struct lki_timer again;
    struct lki_arena arena;
    struct lki_web_settings settings;
    struct lki_web_conn *first, *last;
    struct lki_web_counts counts;
    struct lki_web_request *handled; /* its handler is running, and has not answered yet */
    uint16_t port;
    bool loopback;
    char place[LKI_WEB_PLACE_BYTES];             /* where it listens */
    char session[2 * LKI_WEB_SESSION_BYTES + 1]; /* what the cookie says */
};

/* ---- conn.c ---- */

/* Has libevent make connections that are known to us. False: no memory. */
bool lki_web_conns_watch(struct lki_web *web);
/* Takes in those that have just come, and sends away those that are too many. */
void lki_web_conns_adopt(struct lki_web *web);
struct lki_web_conn *lki_web_conn_of(struct lki_web *web, struct evhttp_request *http);
/* A phase, and so long it may last; LKI_NEVER: as long as it likes. */
void lki_web_conn_phase(struct lki_web_conn *conn, enum lki_web_phase phase, int64_t for_ns);
/* Closes it; all that hangs on it goes. */
void lki_web_conn_end(struct lki_web_conn *conn);
/* Hands to the kernel what it takes at once of what is to go out. */
void lki_web_conn_flush(struct lki_web_conn *conn);
/* The same with a whole answer made of an error. */
void lki_web_conn_refuse(struct lki_web_conn *conn, int status, const char *code,
                         const char *message);

/* ---- request.c, answer.c ---- */

void lki_web_on_request(struct evhttp_request *http, void *arg);
/* The connection goes: nobody can be answered any more. */
void lki_web_request_gone(struct lki_web_request *request);
/* Frees ours; libevent's goes its own way. */
void lki_web_request_free(struct lki_web_request *request);
const char *lki_web_phrase(int status);
/* {"error":{...}} */
void lki_web_error_write(struct lki_buf *out, const char *code, const char *details,
                         const char *message);

/* ---- guard.c ---- */

/* False: refused and answered. Where it comes from; that it is fit to be understood in one way
 * only. */
bool lki_web_guard_framing(struct lki_web_request *request);
bool lki_web_guard_origin(struct lki_web_request *request);
bool lki_web_guard_token(struct lki_web_request *request);
bool lki_web_guard_body(struct lki_web_request *request);
/* The Origin of the request may read the answer, by --cors-origin. */
bool lki_web_is_cors(const struct lki_web_request *request);

/* ---- stream.c ---- */

/* Its connection goes. */
void lki_web_stream_gone(struct lki_web_stream *stream);
/* The server is closed: says so to the client. */
void lki_web_stream_farewell(struct lki_web_stream *stream);

#endif
