/* WebSockets as a user has them: the queue of what has come, and the samples. */
#ifndef LKI_CLIENT_WEBSOCKET_H
#define LKI_CLIENT_WEBSOCKET_H

#include <loadkit/websocket.h>

#include "client/values.h"
#include "client/vu.h"
#include "net/websocket.h"

/* What has come and was not received yet; beyond either nothing is read. */
#define LKI_WS_QUEUED_MAX 1024
#define LKI_WS_QUEUED_BYTES_MAX ((size_t)1024 * 1024)

enum lki_ws_act { LKI_WS_SEND, LKI_WS_RECEIVE, LKI_WS_CALL, LKI_WS_PINGED, LKI_WS_ACTS };

struct lki_ws_message {
    struct lk_ws_message pub;
    struct lki_held held;        /* once it was received */
    struct lki_ws_message *next; /* in the queue */
    struct lk_json json;
    int64_t came_ns;
    uint64_t wire_bytes;
    char bytes[];
};

/* A round trip of the author's, on its way. */
struct lki_ws_mark {
    struct lki_ws_mark *next;
    struct lki_metric *metric;
    int64_t start_ns;
    char name[];
};

struct lk_ws {
    struct lki_held held;       /* once it is closed, or was not opened */
    struct lk_ws *next, **link; /* of its user, while nobody holds it */
    lk_vu *vu;
    struct lki_session session; /* with its connection alone */
    struct lki_arena arena;     /* of the handshake, and the texts below */
    struct lki_websocket socket;
    struct lki_ws_message *first, **last;
    size_t queued;
    size_t queued_bytes;
    struct lki_ws_mark *marks;
    size_t mark_count;
    const char *name; /* "/chat" */
    const char *protocol;
    const char *error; /* why it was not opened; NULL: it was */
    int status;
    unsigned waiting; /* tasks */
    unsigned sends;
    int64_t came_ns; /* when the message came that was received last */
    uint64_t pings;  /* sent */
    uint64_t pong;   /* the last that has come */
    int64_t pong_ns;
    uint64_t in_told; /* bytes of the connection that are in samples */
    uint64_t out_told;
    bool keep_going;
    bool closed; /* by lk_ws_close */
    bool orphan; /* whoever waits frees it */
    struct {
        const char *step;
        struct lki_metric *metric;
    } known[LKI_WS_ACTS];
};

/* One that is to be opened; NULL: no memory. */
struct lk_ws *lki_ws_new(lk_vu *vu, bool keep_going);
void lki_ws_free(struct lk_ws *ws);

/* It is the user's from now on, or the step's in hand: until that ends it may still be asked what
 * became of it. */
void lki_ws_hand_to_user(struct lk_ws *ws);
void lki_ws_hand_to_unit(struct lk_ws *ws);

/* Waits for anything to happen to it. Leaves if it was closed meanwhile, by another task. */
enum lki_wake lki_ws_wait(struct lk_ws *ws, int64_t until_ns);
/* Lets the others have a turn; leaves also if the call has to end. */
void lki_ws_yield(struct lk_ws *ws);

/* The callbacks of its socket. */
bool lki_ws_on_message(struct lki_websocket *socket, bool binary, const char *bytes, size_t len);
void lki_ws_on_pong(struct lki_websocket *socket, const char *bytes, size_t len);

/* What was marked, and will not be done any more, counts as failed; or is forgotten. */
void lki_ws_marks_fail(struct lk_ws *ws, lki_code code);
void lki_ws_marks_forget(struct lk_ws *ws);

/* Closes all of a user, without waiting. */
void lki_ws_close_all(struct lki_http_client *http);

#endif
