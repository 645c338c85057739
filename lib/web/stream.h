/*
 * What both kinds of streams share: a connection taken over from libevent's server, to which whole
 * messages are written, and which is watched for life.
 */
#ifndef LKI_WEB_STREAM_H
#define LKI_WEB_STREAM_H

#include <wslay/wslay.h>

#include "web/inner.h"

typedef void lki_web_stream_closed(struct lki_web_stream *stream, void *arg);

struct lki_web_stream {
    struct lki_web *web;
    struct lki_web_conn *conn;
    wslay_event_context_ptr socket; /* NULL: server-sent events */
    struct lki_timer beat;
    unsigned silent; /* beats since the client was last known to be there */
    bool closing;    /* nothing more is sent; it ends when all has gone out */
    bool agreed;     /* the other end has taken leave as well */
    lki_web_stream_closed *on_closed;
    void *arg;
};

/* NULL: it was answered. Nothing has changed for the connection yet. */
struct lki_web_stream *lki_web_stream_new(struct lki_web_request *request,
                                          lki_web_stream_closed *on_closed, void *arg);
/* For one that was not begun. */
void lki_web_stream_free(struct lki_web_stream *stream);
/* Takes the connection over; ends the request. The head is its answer. */
void lki_web_stream_begin(struct lki_web_stream *stream, struct lki_web_request *request,
                          const struct lki_buf *head);
/* The connection goes, and the stream with it. */
void lki_web_stream_end(struct lki_web_stream *stream);

/* ---- socket.c */

/* False: nothing can go on. */
bool lki_web_socket_read(struct lki_web_stream *stream);
bool lki_web_socket_write(struct lki_web_stream *stream, const char *text, size_t len);
bool lki_web_socket_ping(struct lki_web_stream *stream);
void lki_web_socket_leave(struct lki_web_stream *stream, unsigned status);

/* ---- events.c */

bool lki_web_events_write(struct lki_web_stream *stream, const char *type, const char *text,
                          size_t len);
bool lki_web_events_ping(struct lki_web_stream *stream);

#endif
