/*
 * loadkit/websocket.h - WebSockets (RFC 6455) as a step speaks them.
 *
 * A WebSocket belongs to its user and stays open from step to step, until it is closed or the life
 * of the user ends; the state of the user is the place for it. Messages are read as they come and
 * kept until a step receives them, pings are answered, also while the user thinks. One that is lost
 * ends the step that uses it next, unless it was opened with .keep_going.
 */
#ifndef LOADKIT_WEBSOCKET_H
#define LOADKIT_WEBSOCKET_H

#include <loadkit/api.h>
#include <loadkit/values.h>

/* A WebSocket. Opaque. */
typedef struct lk_ws lk_ws;

/* A message that was received. It lives until the step ends, or until lk_ws_message_free. */
typedef struct lk_ws_message lk_ws_message;
struct lk_ws_message {
    const char *data; /* terminated for convenience; never NULL */
    size_t bytes;     /* the terminator is not counted */
    bool binary;      /* else text: UTF-8 */
};

/* What to open. Zero means the default for every member but url. */
struct lk_ws_options {
    size_t size;     /* of this struct; the macro sets it */
    const char *url; /* "/path", joined to the base URL, or ws://, wss://, http://, https:// */
    const char *const *params; /* these four as in struct lk_request */
    const char *const *query;
    const char *const *headers;
    const char *authorization;
    const char *protocols; /* "chat.v2, chat.v1": to choose one from; default: none is asked for */
    const char *name;      /* of its samples, in place of the path */
    double timeout_s;      /* of the handshake; default as for requests; LK_OFF for none */
    size_t max_message_bytes; /* of a message that is received; default 1 MiB */
    bool keep_going;          /* what fails on it does not end the step */
};

LK_BEGIN_DECLS

/*
 * lk_ws_connect - open a WebSocket; lk_ws_open fills in the options.
 *
 * options   what to open
 * returns   the WebSocket, never NULL. It is the user's until lk_ws_close, or the end of its life;
 *           one that could not be opened (with .keep_going) until the step ends
 * errors    no connection, or an answer other than 101 with what RFC 6455 asks for, ends the step
 *           as failed, unless .keep_going: lk_ws_error tells then. Options that cannot be used end
 *           it in any case
 * context   inside a step or hook of this user; waits
 * since     0.1; lk_ws(3)
 */
LK_API LK_NONNULL_RESULT lk_ws *lk_ws_connect(lk_vu *vu, const struct lk_ws_options *options);

#ifndef __cplusplus
/* lk_ws_open(vu, "/chat", .protocols = "chat.v2", ...): members of struct lk_ws_options. */
#define lk_ws_open(vu, ...)                                                                        \
    lk_ws_connect((vu), &(const struct lk_ws_options){.size = sizeof(struct lk_ws_options),        \
                                                      .url = __VA_ARGS__})
#endif

/*
 * lk_ws_send - send a text.
 *
 * text      UTF-8, or the step ends as failed; copied
 * returns   true when the kernel has taken all of it; false: it is not open (.keep_going)
 * errors    a WebSocket that is not open any more ends the step, unless .keep_going
 * context   inside a step or hook of the user; waits while the other end takes no more
 * since     0.1; lk_ws(3)
 */
LK_API bool lk_ws_send(lk_ws *ws, const char *text);

/*
 * lk_ws_send_bytes - send a binary message.
 *
 * data      bytes of it; copied
 * returns   as lk_ws_send, which has errors and context too
 * since     0.1; lk_ws(3)
 */
LK_API bool lk_ws_send_bytes(lk_ws *ws, const void *data, size_t bytes);

/*
 * lk_ws_receive - take the next message, or wait for it.
 *
 * seconds   the longest wait; 0, or less, takes only what has come; exactly LK_OFF for no limit but
 *           the step's
 * returns   the message, owned by the step; NULL: none came, or (with .keep_going) it is not open
 * errors    a WebSocket of which all messages were taken, and that is not open any more, ends the
 *           step, unless .keep_going; seconds that are NaN end it in any case
 * context   inside a step or hook of the user; waits, like a request, also while the run drains
 * since     0.1; lk_ws(3)
 */
LK_API lk_ws_message *lk_ws_receive(lk_ws *ws, double seconds);

/*
 * lk_ws_call - send a text and wait for the next message, as one sample.
 *
 * text      UTF-8; copied
 * seconds   as lk_ws_receive has it
 * returns   the message, owned by the step; NULL only with .keep_going
 * errors    no message in time, or a WebSocket that is not open, ends the step, unless .keep_going
 * context   inside a step or hook of the user; waits
 * since     0.1; lk_ws(3)
 */
LK_API lk_ws_message *lk_ws_call(lk_ws *ws, const char *text, double seconds);

/*
 * lk_ws_message_free - give a message back before the step ends, for steps that loop long.
 *
 * message   not to be used afterwards; NULL is ignored
 * context   inside the step or hook that got it
 * since     0.1; lk_ws(3)
 */
LK_API void lk_ws_message_free(lk_ws_message *message);

/*
 * lk_ws_json - a message as JSON, for lk_str and its kin.
 *
 * returns   the value; it lives as long as the message
 * errors    a message that is no JSON ends the step, and the text says where
 * context   inside the step or hook that got it
 * since     0.1; lk_ws(3)
 */
LK_API LK_NONNULL_RESULT const lk_json *lk_ws_json(lk_ws_message *message);

/*
 * lk_ws_ping - send a ping and wait for its pong, as one sample.
 *
 * seconds   as lk_ws_receive has it
 * returns   whether it came; false only with .keep_going
 * errors    no pong in time, or a WebSocket that is not open, ends the step, unless .keep_going
 * context   inside a step or hook of the user; waits
 * since     0.1; lk_ws(3)
 */
LK_API bool lk_ws_ping(lk_ws *ws, double seconds);

/*
 * lk_ws_mark - begin to time a round trip of the author's own.
 *
 * name      of the sample; copied. One that is marked again counts as failed: WS_TIMEOUT
 * errors    more than 64 at a time end the step
 * context   inside a step or hook of the user; the step may end meanwhile
 * since     0.1; lk_ws(3)
 */
LK_API void lk_ws_mark(lk_ws *ws, const char *name);

/*
 * lk_ws_done - end a round trip: the sample lasts until the last message that was received came.
 *
 * name      as marked
 * errors    a name that is not marked ends the step
 * context   inside a step or hook of the user
 * since     0.1; lk_ws(3)
 */
LK_API void lk_ws_done(lk_ws *ws, const char *name);

/*
 * lk_ws_close - say good-bye, wait for the other end to do so (5 s at most), and close.
 *
 * ws        may be read until the step ends, and is not to be used afterwards; NULL is ignored
 * code      1000 to 4999, as RFC 6455 has them; 0 stands for 1000
 * reason    up to 123 bytes are sent; NULL for none
 * errors    a code that may not be sent ends the step
 * context   inside a step or hook of the user; waits, but not in a function given to lk_defer
 * since     0.1; lk_ws(3)
 */
LK_API void lk_ws_close(lk_ws *ws, int code, const char *reason);

/*
 * lk_ws_is_open - ask whether messages can be sent.
 *
 * returns   false when it was not opened, or closed by either end, or is lost; messages that came
 *           before can still be received
 * context   inside a step or hook of the user, as for all below
 * since     0.1; lk_ws(3)
 */
LK_API bool lk_ws_is_open(const lk_ws *ws);

/* lk_ws_status - the status that answered the handshake: 101, or why not; 0: there was no answer.
 * since     0.1; lk_ws(3) */
LK_API int lk_ws_status(const lk_ws *ws);

/* lk_ws_protocol - which of .protocols the server chose; "" for none.
 * since     0.1; lk_ws(3) */
LK_API LK_NONNULL_RESULT const char *lk_ws_protocol(const lk_ws *ws);

/* lk_ws_close_code - how the other end closed it: 1000 and so on, 1005 without a code, 1006 when
 * the connection was lost; what was sent to it when it broke the protocol (1002, 1007, 1009); 0: it
 * is open, or never was.
 * since     0.1; lk_ws(3) */
LK_API int lk_ws_close_code(const lk_ws *ws);

/* lk_ws_close_reason - the reason that came with the code, or why it was lost; "" for none.
 * since     0.1; lk_ws(3) */
LK_API LK_NONNULL_RESULT const char *lk_ws_close_reason(const lk_ws *ws);

/* lk_ws_error - why it is not open, on one line; "" if it is.
 * since     0.1; lk_ws(3) */
LK_API LK_NONNULL_RESULT const char *lk_ws_error(const lk_ws *ws);

LK_END_DECLS

#endif
