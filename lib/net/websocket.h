/*
 * A WebSocket (RFC 6455) on a connection whose handshake is done: the frames, by wslay. It reads
 * whenever something comes, also while nobody waits: pings are answered, messages handed on. While
 * its owner is full, or the other end does not take what is to be sent, nothing is read.
 */
#ifndef LKI_NET_WEBSOCKET_H
#define LKI_NET_WEBSOCKET_H

#include "base/buf.h"
#include "base/rng.h"
#include "loop/outside.h"
#include "net/conn.h"

#define LKI_WS_REASON_MAX 123 /* bytes: a close frame holds no more */
#define LKI_WS_PING_BYTES 8

/* What ended it, beside its owner. */
enum lki_ws_end {
    LKI_WS_OPEN,
    LKI_WS_CLOSED, /* the other end said good-bye */
    LKI_WS_BROKEN, /* the other end did what the protocol does not allow, or sent too much */
    LKI_WS_LOST    /* the connection ended without a good-bye, or there was no memory */
};

struct lki_ws_wait;
struct wslay_event_context;

struct lki_websocket {
    struct lki_loop *loop;
    struct lki_conn *conn; /* NULL: it is gone */
    struct wslay_event_context *frames;
    struct lki_rng masks;
    struct lki_ws_wait *waits;
    struct lki_post post; /* to read on: the others have had their turn */
    struct lki_io out_io; /* started while there is something in out */
    struct lki_buf out;   /* what the kernel has not taken yet */
    const char *early;    /* came with the handshake; borrowed */
    size_t early_len;
    uint64_t bytes_in; /* on the connection, below TLS left aside */
    uint64_t bytes_out;
    uint64_t dropped; /* bytes that came after the end */
    unsigned reads;   /* in this turn */
    bool full;        /* of the owner's: it takes no more messages now */
    bool leaving;     /* of the owner's: it has said good-bye, and takes no messages any more */
    bool no_memory;
    bool unsent;     /* the kernel has not taken all that was to be sent */
    bool ended;      /* the stream */
    const char *why; /* the connection will be lost, if it is: static, or of the connection */
    enum lki_ws_end end;
    uint16_t code;                      /* of the end: as RFC 6455, 7.4 has them; 0: open */
    char reason[LKI_WS_REASON_MAX + 1]; /* of the end */

    /* A message; false: no memory for it. Neither waits, nor calls anything of this here. */
    bool (*on_message)(struct lki_websocket *self, bool binary, const char *bytes, size_t len);
    void (*on_pong)(struct lki_websocket *self, const char *bytes, size_t len);
};

/*
 * Takes the connection over; both callbacks are set before. early: what has come behind the
 * handshake, borrowed. On failure (LK_E_NOMEM) the connection is closed.
 */
enum lk_err lki_websocket_start(struct lki_websocket *ws, struct lki_conn *conn, const char *early,
                                size_t early_len, uint64_t mask_seed, size_t max_message_bytes);

/* Reads again, when full has been unset. */
void lki_websocket_resume(struct lki_websocket *ws);

enum lki_ws_kind { LKI_WS_TEXT = 1, LKI_WS_BINARY = 2, LKI_WS_PING = 9 };

/* Copied, and sent as the kernel takes it. LK_E_STATE: it is not open. LK_E_NOMEM. */
enum lk_err lki_websocket_send(struct lki_websocket *ws, enum lki_ws_kind kind, const void *bytes,
                               size_t len);
/* Whether the kernel is still to take some of it. If not, what is unsent will never be sent. */
bool lki_websocket_sending(const struct lki_websocket *ws);

/* Says good-bye. The answer, and the end of the connection, are to be waited for. */
void lki_websocket_leave(struct lki_websocket *ws, uint16_t code, const char *reason);

/* Closes the connection, whatever is still to come, and gives all memory back. */
void lki_websocket_stop(struct lki_websocket *ws);

/* Waits for anything to happen: a message, a pong, all sent, the end. */
enum lki_wake lki_websocket_wait(struct lki_websocket *ws, struct lki_task *task, int64_t until_ns);

#endif
