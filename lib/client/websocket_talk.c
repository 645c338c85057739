/* Messages over WebSockets: the calls of <loadkit/websocket.h> that speak, and their samples. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "client/watch.h"
#include "client/websocket.h"

#define MARKS_MAX 64
/* Messages that are sent without a wait between them, until it is the others' turn. */
#define SENDS_A_TURN 32
#define CODE_TOO_BIG 1009

/* ---- samples ---- */

static struct lki_metric *metric_named(struct lk_ws *ws, const char *step, const char *name)
{
    return lki_metrics_find(ws->vu->metrics, LKI_SOURCE_WEBSOCKET, step, name, strlen(name));
}

static struct lki_metric *metric_of(struct lk_ws *ws, enum lki_ws_act act)
{
    static const char *const acts[] = {"SEND", "RECEIVE", "CALL", "PING"};
    const char *step = lki_vu_unit(ws->vu)->step;
    struct lki_buf *name = lki_vu_scratch(ws->vu);

    if (LKI_LIKELY(ws->known[act].step == step))
        return ws->known[act].metric;
    lki_buf_clear(name);
    lki_buf_str(name, acts[act]);
    lki_buf_char(name, ' ');
    lki_buf_str(name, ws->name);
    ws->known[act].metric = metric_named(ws, step, name->err ? acts[act] : lki_buf_cstr(name));
    ws->known[act].step = step;
    return ws->known[act].metric;
}

/* To whom looks on. */
static void show(struct lk_ws *ws, enum lki_ws_act act, bool binary, const char *bytes, size_t len)
{
    const struct lki_watch *watch = ws->vu->http.shared->watch;

    if (LKI_UNLIKELY(watch != NULL))
        watch->message(watch, ws->vu, metric_of(ws, act)->name, binary ? NULL : bytes, len);
}

static void record(struct lk_ws *ws, struct lki_metric *metric, lki_code code,
                   enum lki_verdict verdict, int64_t latency_ns)
{
    latency_ns = latency_ns > 0 ? latency_ns : 0;
    lki_metric_record_simple(metric, code, verdict, latency_ns);
    if (LKI_UNLIKELY(ws->vu->late_ns >= 0) && verdict != LKI_SAMPLE_CANCELLED)
        lki_metric_record_late(metric, lki_ns_after(ws->vu->late_ns, latency_ns));
}

/* What has failed is told of with its reason. */
static void record_failure(struct lk_ws *ws, struct lki_metric *metric, lki_code code,
                           int64_t latency_ns, const char *why)
{
    struct lki_buf *text = lki_vu_scratch(ws->vu);

    record(ws, metric, code, LKI_SAMPLE_ERROR, latency_ns);
    lki_buf_clear(text);
    lki_buf_printf(text, "%s: %s", metric->name, why);
    lki_metrics_error(ws->vu->metrics, LKI_SOURCE_WEBSOCKET, metric->step, code,
                      text->err ? why : lki_buf_cstr(text), ws->vu->id);
}

static lki_code end_code(const struct lki_websocket *socket)
{
    if (socket->end == LKI_WS_CLOSED)
        return LKI_CODE_WS_CLOSED;
    if (socket->end == LKI_WS_BROKEN)
        return socket->code == CODE_TOO_BIG ? LKI_CODE_WS_TOO_LARGE : LKI_CODE_WS_PROTOCOL;
    return LKI_CODE_WS_LOST;
}

/* It is not open any more, or never was. Returns only with .keep_going. */
static void unusable(struct lk_ws *ws, enum lki_ws_act act, int64_t start_ns)
{
    struct lki_metric *metric = metric_of(ws, act);
    const char *why = lk_ws_error(ws);

    if (ws->closed)
        lki_vu_fail(ws->vu, "%s: this WebSocket was closed by lk_ws_close", metric->name);
    if (!ws->error) {
        lki_code code = end_code(&ws->socket);

        record_failure(ws, metric, code, lki_loop_now(ws->vu->loop) - start_ns, why);
        lki_ws_marks_fail(ws, code);
    }
    if (!ws->keep_going)
        lki_vu_fail(ws->vu, "%s: %s", metric->name, why);
}

/* What a wait that did not bring its event means for a sample. Returns only after the limit of the
 * wait, and only with .keep_going. */
static void waited_in_vain(struct lk_ws *ws, enum lki_ws_act act, enum lki_wake why,
                           int64_t start_ns, const char *what)
{
    struct lki_metric *metric = metric_of(ws, act);
    int64_t latency_ns = lki_loop_now(ws->vu->loop) - start_ns;

    if (why == LKI_WAKE_CUT)
        record(ws, metric, LKI_CODE_WS_CANCELLED, LKI_SAMPLE_CANCELLED, latency_ns);
    else
        record_failure(ws, metric, LKI_CODE_WS_TIMEOUT, latency_ns, what);
    lki_task_heed(lki_vu_task(ws->vu), why);
    if (!ws->keep_going)
        lki_vu_fail(ws->vu, "%s: %s", metric->name, what);
}

/* ---- sending ---- */

static void send_turn(struct lk_ws *ws)
{
    if (++ws->sends % SENDS_A_TURN == 0)
        lki_ws_yield(ws);
}

static bool send_message(struct lk_ws *ws, enum lki_ws_kind kind, const void *data, size_t bytes)
{
    int64_t start_ns = lki_loop_now(ws->vu->loop);
    struct lki_websocket *socket = &ws->socket;
    enum lk_err err = lki_websocket_send(socket, kind, data, bytes);

    if (err == LK_E_NOMEM)
        lki_vu_nomem(ws->vu);
    while (!err && lki_websocket_sending(socket)) {
        enum lki_wake why = lki_ws_wait(ws, LKI_NEVER);

        if (why != LKI_WAKE_EVENT)
            waited_in_vain(ws, LKI_WS_SEND, why, start_ns, "the server does not take it");
    }
    if (err || socket->unsent) {
        unusable(ws, LKI_WS_SEND, start_ns);
        return false;
    }
    record(ws, metric_of(ws, LKI_WS_SEND), LKI_CODE_WS_OK, LKI_SAMPLE_OK,
           lki_loop_now(ws->vu->loop) - start_ns);
    lki_metric_add_bytes(metric_of(ws, LKI_WS_SEND), socket->bytes_out - ws->out_told, 0);
    ws->out_told = socket->bytes_out;
    show(ws, LKI_WS_SEND, kind == LKI_WS_BINARY, data, bytes);
    send_turn(ws);
    return true;
}

/* The other end would have to close the connection. */
static void utf8_check(const struct lk_ws *ws, const char *text, size_t len)
{
    const char *end = text + len;
    const char *at = text;
    size_t step = 1;

    for (; at < end && step; at += step)
        step = lki_utf8_len(at, end);
    if (!step)
        lki_vu_fail(ws->vu,
                    "lk_ws_send: the text is not UTF-8 from byte %zu on: lk_ws_send_bytes sends "
                    "any bytes",
                    (size_t)(at - text));
}

bool lk_ws_send(lk_ws *ws, const char *text)
{
    size_t len;

    lki_need(ws, "lk_ws_send", "the WebSocket");
    lki_need(text, "lk_ws_send", "the text");
    len = strlen(text);
    utf8_check(ws, text, len);
    return send_message(ws, LKI_WS_TEXT, text, len);
}

bool lk_ws_send_bytes(lk_ws *ws, const void *data, size_t bytes)
{
    lki_need(ws, "lk_ws_send_bytes", "the WebSocket");
    if (bytes)
        lki_need(data, "lk_ws_send_bytes", "the data");
    return send_message(ws, LKI_WS_BINARY, bytes ? data : "", bytes);
}

/* ---- receiving ---- */

bool lki_ws_on_message(struct lki_websocket *socket, bool binary, const char *bytes, size_t len)
{
    struct lk_ws *ws = LKI_CONTAINER(socket, struct lk_ws, socket);
    struct lki_ws_message *message = malloc(sizeof(*message) + len + 1);

    if (!message)
        return false;
    *message = (struct lki_ws_message){
        .pub = {message->bytes, len, binary},
        .came_ns = lki_loop_now(ws->vu->loop),
        .wire_bytes = socket->bytes_in - ws->in_told,
    };
    ws->in_told = socket->bytes_in;
    memcpy(message->bytes, bytes, len);
    message->bytes[len] = '\0';
    *ws->last = message;
    ws->last = &message->next;
    ws->queued++;
    ws->queued_bytes += len;
    socket->full = ws->queued >= LKI_WS_QUEUED_MAX || ws->queued_bytes >= LKI_WS_QUEUED_BYTES_MAX;
    return true;
}

static void on_message_free(struct lki_held *held)
{
    free(LKI_CONTAINER(held, struct lki_ws_message, held));
}

/* When half of the queue is left the socket is read again, not for each message. */
static struct lki_ws_message *take(struct lk_ws *ws)
{
    struct lki_metric *metric = metric_of(ws, LKI_WS_RECEIVE);
    struct lki_ws_message *message = ws->first;

    ws->first = message->next;
    if (!ws->first)
        ws->last = &ws->first;
    ws->queued--;
    ws->queued_bytes -= message->pub.bytes;
    ws->came_ns = message->came_ns;
    message->held.free = on_message_free;
    message->json.doc = (struct lki_doc){.text = message->bytes,
                                         .len = message->pub.bytes,
                                         .arena = lki_vu_arena(ws->vu),
                                         .vu = ws->vu,
                                         .sample = metric->name};
    lki_unit_hold(lki_vu_unit(ws->vu), &message->held);
    lki_metric_count(metric, LKI_CODE_WS_OK, LKI_SAMPLE_OK);
    lki_metric_add_bytes(metric, 0, message->wire_bytes);
    show(ws, LKI_WS_RECEIVE, message->pub.binary, message->bytes, message->pub.bytes);
    if (ws->socket.full && ws->queued <= LKI_WS_QUEUED_MAX / 2 &&
        ws->queued_bytes <= LKI_WS_QUEUED_BYTES_MAX / 2) {
        ws->socket.full = false;
        lki_websocket_resume(&ws->socket);
    }
    return message;
}

/* Waits for a message. NULL: there is none, for *why; after LKI_WAKE_EVENT there will be none. */
static struct lki_ws_message *await(struct lk_ws *ws, int64_t until_ns, enum lki_wake *why)
{
    *why = LKI_WAKE_EVENT;
    while (!ws->first && !ws->closed && ws->socket.conn && !ws->socket.end) {
        *why = lki_ws_wait(ws, until_ns);
        if (*why != LKI_WAKE_EVENT && !ws->first)
            return NULL;
    }
    return ws->first && !ws->closed ? take(ws) : NULL;
}

static int64_t until_of(const struct lk_ws *ws, const char *function, double seconds)
{
    lki_need(ws, function, "the WebSocket");
    return lki_vu_until(ws->vu, function, seconds);
}

lk_ws_message *lk_ws_receive(lk_ws *ws, double seconds)
{
    int64_t until_ns = until_of(ws, "lk_ws_receive", seconds);
    int64_t start_ns = lki_loop_now(ws->vu->loop);
    struct lki_ws_message *message;
    enum lki_wake why;

    if (until_ns <= start_ns && !ws->first)
        lki_ws_yield(ws);
    message = await(ws, until_ns, &why);
    if (message)
        return &message->pub;
    lki_task_heed(lki_vu_task(ws->vu), why);
    if (why == LKI_WAKE_EVENT)
        unusable(ws, LKI_WS_RECEIVE, start_ns);
    return NULL;
}

lk_ws_message *lk_ws_call(lk_ws *ws, const char *text, double seconds)
{
    int64_t until_ns = until_of(ws, "lk_ws_call", seconds);
    int64_t start_ns = lki_loop_now(ws->vu->loop);
    struct lki_ws_message *message;
    enum lki_wake why;

    if (!lk_ws_send(ws, text))
        return NULL;
    message = await(ws, until_ns, &why);
    if (message) {
        record(ws, metric_of(ws, LKI_WS_CALL), LKI_CODE_WS_OK, LKI_SAMPLE_OK,
               message->came_ns - start_ns);
        return &message->pub;
    }
    if (why == LKI_WAKE_EVENT)
        unusable(ws, LKI_WS_CALL, start_ns);
    else
        waited_in_vain(ws, LKI_WS_CALL, why, start_ns, "no message came in time");
    return NULL;
}

void lk_ws_message_free(lk_ws_message *pub)
{
    if (pub)
        lki_held_free(&LKI_CONTAINER(pub, struct lki_ws_message, pub)->held);
}

const lk_json *lk_ws_json(lk_ws_message *pub)
{
    struct lki_ws_message *message;
    char found[LKI_FOUND_BYTES];
    struct lki_doc *doc;

    lki_need(pub, "lk_ws_json", "the message");
    message = LKI_CONTAINER(pub, struct lki_ws_message, pub);
    doc = &message->json.doc;
    if (!lki_json_check(doc->text, doc->len))
        return &message->json;
    lki_doc_describe(doc, found);
    lki_vu_fail(doc->vu, "%s: cannot read the message as JSON: %s", doc->sample, found);
}

/* ---- pings ---- */

/* It answers all pings up to the one whose number it bears: of several the other end may answer the
 * last alone. */
void lki_ws_on_pong(struct lki_websocket *socket, const char *bytes, size_t len)
{
    struct lk_ws *ws = LKI_CONTAINER(socket, struct lk_ws, socket);
    uint64_t pong;

    if (len != sizeof(pong))
        return;
    memcpy(&pong, bytes, sizeof(pong));
    if (pong <= ws->pong || pong > ws->pings)
        return;
    ws->pong = pong;
    ws->pong_ns = lki_loop_now(ws->vu->loop);
}

bool lk_ws_ping(lk_ws *ws, double seconds)
{
    int64_t until_ns = until_of(ws, "lk_ws_ping", seconds);
    int64_t start_ns = lki_loop_now(ws->vu->loop);
    enum lki_wake why = LKI_WAKE_EVENT;
    uint64_t ping = ++ws->pings;
    enum lk_err err = lki_websocket_send(&ws->socket, LKI_WS_PING, &ping, sizeof(ping));

    if (err == LK_E_NOMEM)
        lki_vu_nomem(ws->vu);
    while (!err && why == LKI_WAKE_EVENT && ws->pong < ping && ws->socket.conn && !ws->socket.end)
        why = lki_ws_wait(ws, until_ns);
    if (ws->pong >= ping) {
        record(ws, metric_of(ws, LKI_WS_PINGED), LKI_CODE_WS_OK, LKI_SAMPLE_OK,
               ws->pong_ns - start_ns);
        return true;
    }
    if (why == LKI_WAKE_EVENT)
        unusable(ws, LKI_WS_PINGED, start_ns);
    else
        waited_in_vain(ws, LKI_WS_PINGED, why, start_ns, "no pong came in time");
    return false;
}

/* ---- marks ---- */

static struct lki_ws_mark **mark_find(struct lk_ws *ws, const char *name)
{
    struct lki_ws_mark **link = &ws->marks;

    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

static void mark_remove(struct lk_ws *ws, struct lki_ws_mark **link)
{
    struct lki_ws_mark *mark = *link;

    *link = mark->next;
    ws->mark_count--;
    free(mark);
}

static void mark_fail(struct lk_ws *ws, struct lki_ws_mark **link, lki_code code, const char *why)
{
    record_failure(ws, (*link)->metric, code, lki_loop_now(ws->vu->loop) - (*link)->start_ns, why);
    mark_remove(ws, link);
}

void lki_ws_marks_fail(struct lk_ws *ws, lki_code code)
{
    while (ws->marks)
        mark_fail(ws, &ws->marks, code, "the WebSocket was closed before it was done");
}

void lki_ws_marks_forget(struct lk_ws *ws)
{
    while (ws->marks)
        mark_remove(ws, &ws->marks);
}

void lk_ws_mark(lk_ws *ws, const char *name)
{
    size_t len = name ? strlen(name) : 0;
    struct lki_ws_mark *mark;

    lki_need(ws, "lk_ws_mark", "the WebSocket");
    if (!len)
        lki_vu_fail(ws->vu, "lk_ws_mark without a name");
    if (*mark_find(ws, name))
        mark_fail(ws, mark_find(ws, name), LKI_CODE_WS_TIMEOUT,
                  "it was marked again before it was done");
    if (ws->mark_count == MARKS_MAX)
        lki_vu_fail(ws->vu, "lk_ws_mark: more than %d marks of this WebSocket are not done",
                    MARKS_MAX);
    mark = malloc(sizeof(*mark) + len + 1);
    if (!mark)
        lki_vu_nomem(ws->vu);
    *mark = (struct lki_ws_mark){
        .next = ws->marks,
        .metric = metric_named(ws, lki_vu_unit(ws->vu)->step, name),
        .start_ns = lki_loop_now(ws->vu->loop),
    };
    memcpy(mark->name, name, len + 1);
    ws->marks = mark;
    ws->mark_count++;
}

void lk_ws_done(lk_ws *ws, const char *name)
{
    struct lki_ws_mark **link;
    struct lki_ws_mark *mark;
    int64_t end_ns;

    lki_need(ws, "lk_ws_done", "the WebSocket");
    lki_need(name, "lk_ws_done", "the name");
    link = mark_find(ws, name);
    mark = *link;
    if (!mark)
        lki_vu_fail(ws->vu, "lk_ws_done: \"%s\" is not marked: lk_ws_mark comes first", name);
    end_ns = ws->came_ns >= mark->start_ns ? ws->came_ns : lki_loop_now(ws->vu->loop);
    record(ws, mark->metric, LKI_CODE_WS_OK, LKI_SAMPLE_OK, end_ns - mark->start_ns);
    mark_remove(ws, link);
}
