/* WebSockets while they are there, and closing them: the calls of <loadkit/websocket.h> that do not
 * speak. */
#include "client/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define CLOSE_NS (5 * LKI_NS_PER_S)
#define LINGER_NS (1 * LKI_NS_PER_S)
#define CLOSE_NORMAL 1000
#define CLOSE_GOING_AWAY 1001

/* ---- their memory ---- */

struct lk_ws *lki_ws_new(lk_vu *vu, bool keep_going)
{
    struct lk_ws *ws = lki_zalloc(sizeof(*ws));

    if (!ws)
        return NULL;
    lki_arena_init(&ws->arena, &vu->loop->chunks, 0);
    ws->vu = vu;
    ws->keep_going = keep_going;
    ws->last = &ws->first;
    ws->name = ws->protocol = "";
    ws->socket.on_message = lki_ws_on_message;
    ws->socket.on_pong = lki_ws_on_pong;
    return ws;
}

void lki_ws_free(struct lk_ws *ws)
{
    if (ws->waiting) {
        ws->orphan = true;
        return;
    }
    while (ws->first) {
        struct lki_ws_message *message = ws->first;

        ws->first = message->next;
        free(message);
    }
    lki_ws_marks_forget(ws);
    lki_session_close(&ws->session);
    lki_arena_reset(&ws->arena);
    free(ws);
}

static void on_held_free(struct lki_held *held)
{
    lki_ws_free(LKI_CONTAINER(held, struct lk_ws, held));
}

void lki_ws_hand_to_unit(struct lk_ws *ws)
{
    ws->held.free = on_held_free;
    lki_unit_hold(lki_vu_unit(ws->vu), &ws->held);
}

void lki_ws_hand_to_user(struct lk_ws *ws)
{
    struct lk_ws **first = &ws->vu->http.sockets;

    ws->next = *first;
    ws->link = first;
    if (ws->next)
        ws->next->link = &ws->next;
    *first = ws;
}

static void user_remove(struct lk_ws *ws)
{
    *ws->link = ws->next;
    if (ws->next)
        ws->next->link = ws->link;
    ws->link = NULL;
}

/* The others have run meanwhile. */
static enum lki_wake come_back(struct lk_ws *ws, enum lki_wake why)
{
    lk_vu *vu = ws->vu;

    ws->waiting--;
    if (LKI_LIKELY(!ws->orphan))
        return why;
    if (!ws->waiting)
        lki_ws_free(ws);
    lki_task_heed(lki_vu_task(vu), why);
    lki_vu_fail(vu, "the WebSocket was closed while another step waited for it");
}

enum lki_wake lki_ws_wait(struct lk_ws *ws, int64_t until_ns)
{
    ws->waiting++;
    return come_back(ws, lki_websocket_wait(&ws->socket, lki_vu_task(ws->vu), until_ns));
}

void lki_ws_yield(struct lk_ws *ws)
{
    struct lki_task *task = lki_vu_task(ws->vu);

    ws->waiting++;
    lki_task_heed(task, come_back(ws, lki_task_yield(task)));
}

/* ---- closing ---- */

/* As RFC 6455, 7.4 has them; the others stand for what was not sent. */
static bool may_send(int code)
{
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
           (code >= 3000 && code <= 4999);
}

/* Waits for the good-bye of the other end, then shortly for it to close the connection. Why it
 * waits no more. */
static enum lki_wake part(struct lk_ws *ws)
{
    struct lki_websocket *socket = &ws->socket;
    int64_t until_ns = lki_loop_now(ws->vu->loop) + CLOSE_NS;
    enum lki_wake why = LKI_WAKE_EVENT;

    while (why == LKI_WAKE_EVENT && socket->conn && !socket->end)
        why = lki_ws_wait(ws, until_ns);
    until_ns = lki_loop_now(ws->vu->loop) + LINGER_NS;
    while (why == LKI_WAKE_EVENT && socket->conn)
        why = lki_ws_wait(ws, until_ns);
    return why;
}

void lk_ws_close(lk_ws *ws, int code, const char *reason)
{
    enum lki_wake why;

    if (!ws || ws->held.link)
        return;
    code = code ? code : CLOSE_NORMAL;
    if (!may_send(code))
        lki_vu_fail(ws->vu, "lk_ws_close: %d is no code that may be sent", code);
    user_remove(ws);
    lki_ws_hand_to_unit(ws);
    ws->closed = true;
    lki_ws_marks_fail(ws, LKI_CODE_WS_CLOSED);
    if (!ws->socket.end)
        lki_websocket_leave(&ws->socket, (uint16_t)code, reason ? reason : "");
    why = part(ws);
    lki_websocket_stop(&ws->socket);
    lki_task_heed(lki_vu_task(ws->vu), why);
}

void lki_ws_close_all(struct lki_http_client *http)
{
    while (http->sockets) {
        struct lk_ws *ws = http->sockets;

        if (!ws->socket.end)
            lki_websocket_leave(&ws->socket, CLOSE_GOING_AWAY, "");
        lki_websocket_stop(&ws->socket);
        user_remove(ws);
        lki_ws_free(ws);
    }
}

/* ---- asking ---- */

bool lk_ws_is_open(const lk_ws *ws)
{
    lki_need(ws, "lk_ws_is_open", "the WebSocket");
    return ws->socket.conn && !ws->socket.end && !ws->closed;
}

int lk_ws_status(const lk_ws *ws)
{
    lki_need(ws, "lk_ws_status", "the WebSocket");
    return ws->status;
}

const char *lk_ws_protocol(const lk_ws *ws)
{
    lki_need(ws, "lk_ws_protocol", "the WebSocket");
    return ws->protocol;
}

int lk_ws_close_code(const lk_ws *ws)
{
    lki_need(ws, "lk_ws_close_code", "the WebSocket");
    return ws->socket.code;
}

const char *lk_ws_close_reason(const lk_ws *ws)
{
    lki_need(ws, "lk_ws_close_reason", "the WebSocket");
    return ws->socket.reason;
}

const char *lk_ws_error(const lk_ws *ws)
{
    const struct lki_websocket *socket = ws ? &ws->socket : NULL;
    char *text;

    lki_need(ws, "lk_ws_error", "the WebSocket");
    if (ws->error)
        return ws->error;
    if (socket->end != LKI_WS_CLOSED)
        return socket->end ? socket->reason : ws->closed ? "closed by lk_ws_close" : "";
    text = lki_arena_printf(lki_vu_arena(ws->vu), "closed by the server with %u%s%s", socket->code,
                            *socket->reason ? ": " : "", socket->reason);
    if (!text)
        lki_vu_nomem(ws->vu);
    lki_text_one_line(text, strlen(text));
    return text;
}
