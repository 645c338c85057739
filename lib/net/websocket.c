#include "net/websocket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wslay/wslay.h>

#include "base/mem.h"

/* Reads of a turn, until it is the others'. */
#define READS_A_TURN 64
/* How much is made ready to be sent at a time. */
#define STAGE_BYTES ((size_t)64 * 1024)
#define OUT_MAX_BYTES (2 * STAGE_BYTES)
/* Answers to pings that may wait to be sent. */
#define ANSWERS_MAX 64
/* After the end only the end of the stream is waited for: who sends so much has not understood. */
#define DROPPED_MAX ((uint64_t)1024 * 1024)

struct lki_ws_wait {
    struct lki_ws_wait *next;
    struct lki_task *task;
};

static void wake_all(struct lki_websocket *ws)
{
    for (struct lki_ws_wait *wait = ws->waits; wait; wait = wait->next)
        lki_task_wake_later(wait->task, LKI_WAKE_EVENT);
}

static void ended(struct lki_websocket *ws, enum lki_ws_end end, unsigned code, const char *reason,
                  size_t len)
{
    if (ws->end != LKI_WS_OPEN)
        return;
    ws->end = end;
    ws->code = (uint16_t)code;
    len = lki_min(len, LKI_WS_REASON_MAX);
    memcpy(ws->reason, reason, len);
    ws->reason[len] = '\0';
}

/* The connection is of no more use; ws->why says why, if that is not known already. */
static void gone(struct lki_websocket *ws)
{
    ended(ws, LKI_WS_LOST, WSLAY_CODE_ABNORMAL_CLOSURE, ws->why, strlen(ws->why));
    lki_io_stop(&ws->out_io);
    lki_loop_unpost(ws->loop, &ws->post);
    lki_buf_release(&ws->out);
    lki_conn_close(ws->conn);
    ws->conn = NULL;
    wslay_event_context_free(ws->frames);
    ws->frames = NULL;
}

/* ---- what wslay calls ---- */

static ssize_t refuse(wslay_event_context_ptr frames, int error)
{
    wslay_event_set_error(frames, error);
    return -1;
}

static bool is_full(const struct lki_websocket *ws)
{
    return (ws->full && !ws->leaving) || wslay_event_get_queued_msg_count(ws->frames) > ANSWERS_MAX;
}

static ssize_t on_recv(wslay_event_context_ptr frames, uint8_t *into, size_t cap, int flags,
                       void *arg)
{
    struct lki_websocket *ws = arg;
    ssize_t got;

    (void)flags;
    if (is_full(ws) || ws->no_memory)
        return refuse(frames, WSLAY_ERR_WOULDBLOCK);
    if (ws->early_len) {
        got = (ssize_t)lki_min(cap, ws->early_len);
        memcpy(into, ws->early, (size_t)got);
        ws->early += got;
        ws->early_len -= (size_t)got;
        ws->bytes_in += (uint64_t)got;
        return got;
    }
    if (!ws->conn->more || ws->reads == READS_A_TURN)
        return refuse(frames, WSLAY_ERR_WOULDBLOCK);
    ws->reads++;
    got = lki_conn_recv(ws->conn, into, cap);
    if (got > 0) {
        ws->bytes_in += (uint64_t)got;
        /* of a reset that came together with these no event would tell */
        ws->conn->more = true;
        return got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return refuse(frames, WSLAY_ERR_WOULDBLOCK);
    if (got < 0)
        ws->why = lki_conn_why(ws->conn, errno);
    ws->ended = true;
    return refuse(frames, WSLAY_ERR_CALLBACK_FAILURE);
}

/* Gathers what is to be sent in the loop's buffer. */
static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct lki_websocket *ws = arg;
    struct lki_buf *stage = &ws->loop->scratch;

    (void)flags;
    if (stage->len >= STAGE_BYTES)
        return refuse(frames, WSLAY_ERR_WOULDBLOCK);
    lki_buf_append(stage, bytes, len);
    return stage->err ? refuse(frames, WSLAY_ERR_CALLBACK_FAILURE) : (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr frames, uint8_t *bytes, size_t len, void *arg)
{
    struct lki_websocket *ws = arg;
    uint64_t mask = lki_rng_next(&ws->masks);

    (void)frames;
    memcpy(bytes, &mask, lki_min(len, sizeof(mask)));
    return 0;
}

static const char no_frame[] = "the server sent what is no WebSocket frame";

/* Of a close, wslay has the status before the reason; half a status it lets pass. */
static void on_close(struct lki_websocket *ws, const struct wslay_event_on_msg_recv_arg *arg)
{
    size_t status = lki_min(arg->msg_length, 2);

    if (status == 1)
        ended(ws, LKI_WS_BROKEN, WSLAY_CODE_PROTOCOL_ERROR, no_frame, sizeof(no_frame) - 1);
    ended(ws, LKI_WS_CLOSED, arg->status_code ? arg->status_code : WSLAY_CODE_NO_STATUS_RCVD,
          arg->msg_length ? (const char *)arg->msg + status : "", arg->msg_length - status);
}

static void on_frames(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *arg,
                      void *user)
{
    struct lki_websocket *ws = user;
    const char *bytes = arg->msg_length ? (const char *)arg->msg : "";

    (void)frames;
    switch (arg->opcode) {
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        if (!ws->leaving && !ws->no_memory)
            ws->no_memory = !ws->on_message(ws, arg->opcode == WSLAY_BINARY_FRAME, bytes,
                                            arg->msg_length);
        break;
    case WSLAY_PONG:
        ws->on_pong(ws, bytes, arg->msg_length);
        break;
    case WSLAY_CONNECTION_CLOSE:
        on_close(ws, arg);
        break;
    default:
        break;
    }
}

/* ---- sending ---- */

/* The kernel takes no more: what is left of the stage is kept until it does. */
static bool keep_rest(struct lki_websocket *ws, const char *rest, size_t len);

static bool no_memory(struct lki_websocket *ws)
{
    ws->why = "out of memory";
    return false;
}

/* Sends what wslay has to send, until the kernel takes no more. False: the connection is lost. */
static bool push(struct lki_websocket *ws)
{
    struct lki_buf *stage = &ws->loop->scratch;

    while (!ws->out.len) {
        ssize_t sent;

        lki_buf_clear(stage);
        if (wslay_event_send(ws->frames))
            return no_memory(ws);
        if (!stage->len)
            break;
        sent = lki_conn_send(ws->conn, stage->data, stage->len);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            ws->why = lki_conn_why(ws->conn, errno);
            return false;
        }
        sent = sent < 0 ? 0 : sent;
        ws->bytes_out += (uint64_t)sent;
        if (!keep_rest(ws, stage->data + sent, stage->len - (size_t)sent))
            return false;
    }
    /* behind a good-bye wslay leaves messages lying */
    ws->unsent = ws->out.len || wslay_event_get_queued_msg_count(ws->frames);
    return true;
}

static void on_writable(struct lki_io *io, unsigned events);

static bool keep_rest(struct lki_websocket *ws, const char *rest, size_t len)
{
    if (!len)
        return true;
    lki_buf_append(&ws->out, rest, len);
    if (!ws->out.err &&
        !lki_io_start(ws->loop, &ws->out_io, ws->conn->fd, LKI_WRITABLE | LKI_EDGE, on_writable))
        return true;
    return no_memory(ws);
}

/* ---- receiving ---- */

/* What wslay has closed by itself. */
static void note_violation(struct lki_websocket *ws)
{
    unsigned code = wslay_event_get_status_code_sent(ws->frames);
    const char *why = no_frame;

    if (ws->end != LKI_WS_OPEN || wslay_event_get_read_enabled(ws->frames))
        return;
    if (code == WSLAY_CODE_NO_STATUS_RCVD || !code)
        code = WSLAY_CODE_PROTOCOL_ERROR;
    if (code == WSLAY_CODE_MESSAGE_TOO_BIG)
        why = "the server sent a message that is too large";
    else if (code == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA)
        why = "the server sent text that is not UTF-8";
    ended(ws, LKI_WS_BROKEN, code, why, strlen(why));
}

/* After the end: the stream's own end is waited for, so that the server closes first, whose port it
 * is then that stays taken for a while. */
static bool drop(struct lki_websocket *ws)
{
    while (ws->conn->more && ws->reads < READS_A_TURN) {
        ssize_t got = lki_conn_recv(ws->conn, ws->loop->read_buffer, LKI_READ_BUFFER_BYTES);

        ws->reads++;
        if (got > 0)
            ws->dropped += (uint64_t)got;
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || ws->dropped > DROPPED_MAX)
            return false;
    }
    return true;
}

static void on_post(struct lki_post *post);

/* Reads what is there, and sends what is to be answered. False: the connection is lost. */
static bool take(struct lki_websocket *ws)
{
    if (wslay_event_get_read_enabled(ws->frames)) {
        int failed = wslay_event_recv(ws->frames);

        if (failed == WSLAY_ERR_NOMEM || ws->no_memory)
            return no_memory(ws);
        if (ws->ended || !push(ws))
            return false;
        note_violation(ws);
    }
    return wslay_event_get_read_enabled(ws->frames) || drop(ws);
}

/* What is at hand, and may be read now. */
static bool may_read(const struct lki_websocket *ws)
{
    return wslay_event_get_read_enabled(ws->frames) && !is_full(ws) &&
           (ws->early_len || (ws->conn->more && ws->reads < READS_A_TURN));
}

static void pump(struct lki_websocket *ws)
{
    ws->reads = 0;
    do {
        if (!take(ws))
            gone(ws);
    } while (ws->conn && may_read(ws));
    if (ws->conn && ws->conn->more && ws->reads == READS_A_TURN)
        lki_loop_post(ws->loop, &ws->post, on_post);
    wake_all(ws);
}

static void on_post(struct lki_post *post)
{
    pump(LKI_CONTAINER(post, struct lki_websocket, post));
}

static void on_ready(struct lki_conn *conn)
{
    conn->more = true;
    pump(conn->owner);
}

/* Sending has failed; what has come before that may say more. */
static void lost(struct lki_websocket *ws)
{
    const char *why = ws->why;

    ws->conn->more = true;
    wslay_event_recv(ws->frames);
    ws->why = why;
    gone(ws);
    wake_all(ws);
}

static void on_writable(struct lki_io *io, unsigned events)
{
    struct lki_websocket *ws = LKI_CONTAINER(io, struct lki_websocket, out_io);
    ssize_t sent = lki_conn_send(ws->conn, ws->out.data, ws->out.len);

    (void)events;
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        ws->why = lki_conn_why(ws->conn, errno);
        lost(ws);
        return;
    }
    ws->bytes_out += (uint64_t)sent;
    ws->out.len -= (size_t)sent;
    memmove(ws->out.data, ws->out.data + sent, ws->out.len);
    if (ws->out.len)
        return;
    lki_io_stop(&ws->out_io);
    lki_buf_release(&ws->out);
    lki_buf_init(&ws->out, OUT_MAX_BYTES);
    if (push(ws))
        pump(ws);
    else
        lost(ws);
}

/* ---- for the owner ---- */

enum lk_err lki_websocket_start(struct lki_websocket *ws, struct lki_conn *conn, const char *early,
                                size_t early_len, uint64_t mask_seed, size_t max_message_bytes)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_frames,
    };

    if (wslay_event_context_client_init(&ws->frames, &callbacks, ws)) {
        lki_conn_close(conn);
        return LK_E_NOMEM;
    }
    wslay_event_config_set_max_recv_msg_length(ws->frames, max_message_bytes);
    ws->loop = conn->io.loop;
    ws->conn = conn;
    ws->masks.state = mask_seed;
    ws->early = early;
    ws->early_len = early_len;
    ws->why = "connection closed by the server";
    lki_buf_init(&ws->out, OUT_MAX_BYTES);
    conn->io.task = NULL;
    conn->more = true;
    conn->on_ready = on_ready;
    conn->owner = ws;
    pump(ws);
    return LK_OK;
}

void lki_websocket_resume(struct lki_websocket *ws)
{
    if (ws->conn)
        pump(ws);
}

enum lk_err lki_websocket_send(struct lki_websocket *ws, enum lki_ws_kind kind, const void *bytes,
                               size_t len)
{
    struct wslay_event_msg message = {(uint8_t)kind, bytes, len};
    int failed = ws->conn && !ws->end ? wslay_event_queue_msg(ws->frames, &message)
                                      : WSLAY_ERR_NO_MORE_MSG;

    if (failed)
        return failed == WSLAY_ERR_NOMEM ? LK_E_NOMEM : LK_E_STATE;
    if (!push(ws)) {
        lost(ws);
        return LK_E_STATE;
    }
    return LK_OK;
}

bool lki_websocket_sending(const struct lki_websocket *ws)
{
    return ws->conn && (ws->out.len || wslay_event_want_write(ws->frames));
}

void lki_websocket_leave(struct lki_websocket *ws, uint16_t code, const char *reason)
{
    size_t len = lki_min(strlen(reason), LKI_WS_REASON_MAX);

    ws->leaving = true;
    if (!ws->conn)
        return;
    wslay_event_queue_close(ws->frames, code, (const uint8_t *)reason, len);
    if (push(ws))
        pump(ws);
    else
        lost(ws);
}

void lki_websocket_stop(struct lki_websocket *ws)
{
    if (ws->conn) {
        ws->why = "closed";
        gone(ws);
    }
    wake_all(ws);
}

enum lki_wake lki_websocket_wait(struct lki_websocket *ws, struct lki_task *task, int64_t until_ns)
{
    struct lki_ws_wait wait = {ws->waits, task};
    struct lki_ws_wait **link = &ws->waits;
    struct lki_outside outside;
    enum lki_wake why;

    ws->waits = &wait;
    lki_outside_begin(task->loop, &outside);
    why = lki_task_wait(task, until_ns);
    lki_outside_end(task->loop, &outside);
    while (*link != &wait)
        link = &(*link)->next;
    *link = wait.next;
    return why;
}
