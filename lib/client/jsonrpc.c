/* Calling by JSON-RPC: what goes out, the samples, and what the author gets. */
#include "client/jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "client/request.h"
#include "client/response.h"
#include "client/values.h"
#include "client/vu.h"

#define CODE_BYTES 32
#define URL_DEFAULT "/"

/* ---- what a user keeps ---- */

static struct lki_rpc *rpc_of(lk_vu *vu)
{
    if (!vu->http.rpc)
        vu->http.rpc = lki_zalloc(sizeof(*vu->http.rpc));
    if (!vu->http.rpc)
        lki_vu_nomem(vu);
    return vu->http.rpc;
}

void lki_rpc_forget(struct lki_http_client *http)
{
    if (!http->rpc)
        return;
    free(http->rpc->url);
    free(http->rpc);
    http->rpc = NULL;
}

void lk_rpc_url(lk_vu *vu, const char *url)
{
    struct lki_rpc *rpc = rpc_of(vu);
    struct lki_url parts;
    size_t len;
    char *copy;

    lki_need(url, "lk_rpc_url", "the URL");
    len = strlen(url);
    if (lki_url_is_absolute(url, len))
        lki_url_take(vu, url, &parts);
    else
        lki_path_take(vu, url, len);
    copy = strdup(url);
    if (!copy)
        lki_vu_nomem(vu);
    free(rpc->url);
    rpc->url = copy;
}

/* Calls in one exchange. */
struct talk {
    struct lki_rpc_call *calls;
    size_t count;
    bool batch;
    struct lki_response *response;
    int64_t took_ns;
};

/* ---- what goes out ---- */

/* An older program's struct is shorter: what it lacks is zero. */
static void call_take(lk_vu *vu, struct lki_rpc *rpc, const struct lk_rpc_request *given,
                      struct lki_rpc_call *call)
{
    const char *params;

    memset(call, 0, sizeof(*call));
    memcpy(&call->rpc, given, lki_min(given->size, sizeof(call->rpc)));
    if (!call->rpc.method || !*call->rpc.method)
        lki_vu_fail(vu, "a JSON-RPC call without a method");
    if (call->rpc.id && call->rpc.id_text)
        lki_vu_fail(vu, "%s: give one of .id and .id_text", call->rpc.method);
    params = call->rpc.params ? call->rpc.params->doc.text : "{";
    params += strspn(params, " \t\r\n");
    if (*params != '{' && *params != '[')
        lki_vu_fail(vu, "the params of %s are neither an LK_OBJECT nor an LK_ARRAY",
                    call->rpc.method);
    if (!call->rpc.notification && !call->rpc.id_text && !call->rpc.id)
        call->rpc.id = ++rpc->last_id;
}

static void call_write(struct lki_buf *out, const struct lk_rpc_request *rpc)
{
    lki_buf_str(out, "{\"jsonrpc\":\"2.0\",");
    if (!rpc->notification) {
        lki_buf_str(out, "\"id\":");
        if (rpc->id_text)
            lki_json_write_string(out, rpc->id_text, strlen(rpc->id_text));
        else
            lki_json_write_int(out, rpc->id);
        lki_buf_char(out, ',');
    }
    lki_buf_str(out, "\"method\":");
    lki_json_write_string(out, rpc->method, strlen(rpc->method));
    if (rpc->params) {
        lki_buf_str(out, ",\"params\":");
        lki_buf_append(out, rpc->params->doc.text, rpc->params->doc.len);
    }
    lki_buf_char(out, '}');
}

/* The body lies in texts, which goes when it has been sent: a step that loops long does not grow.
 */
static void body_make(lk_vu *vu, const struct talk *talk, struct lki_arena *texts,
                      struct lk_json *json)
{
    struct lki_buf *out = lki_vu_scratch(vu);
    const char *text;

    lki_buf_clear(out);
    if (talk->batch)
        lki_buf_char(out, '[');
    for (size_t i = 0; i < talk->count; i++) {
        if (i)
            lki_buf_char(out, ',');
        call_write(out, &talk->calls[i].rpc);
    }
    if (talk->batch)
        lki_buf_char(out, ']');
    text = out->err ? NULL : lki_arena_copy(texts, out->data, out->len);
    if (!text)
        lki_vu_nomem(vu);
    *json = (struct lk_json){{.text = text, .len = out->len}};
}

/* ---- samples ---- */

static lki_code code_of(lk_vu *vu, const struct lki_rpc_call *call)
{
    char name[CODE_BYTES];

    if (call->found == LKI_RPC_RESULT)
        return LKI_CODE_JSONRPC_OK;
    if (call->found != LKI_RPC_ERROR)
        return LKI_CODE_JSONRPC_PROTOCOL_ERROR;
    snprintf(name, sizeof(name), "JSONRPC_%lld", call->code);
    return lki_metrics_code(vu->metrics, name, "rpc_error");
}

static lki_code lost_code(lki_code http)
{
    if (http == LKI_CODE_HTTP_CANCELLED)
        return LKI_CODE_JSONRPC_CANCELLED;
    return http == LKI_CODE_HTTP_TIMEOUT ? LKI_CODE_JSONRPC_TIMEOUT : LKI_CODE_JSONRPC_TRANSPORT;
}

static void sample_record(lk_vu *vu, const struct lki_rpc_call *call, lki_code code,
                          int64_t took_ns)
{
    const char *method = call->rpc.method;
    struct lki_metric *metric = lki_metrics_find(vu->metrics, LKI_SOURCE_JSONRPC,
                                                 lki_vu_unit(vu)->step, method, strlen(method));
    enum lki_verdict verdict = code == LKI_CODE_JSONRPC_OK          ? LKI_SAMPLE_OK
                               : code == LKI_CODE_JSONRPC_CANCELLED ? LKI_SAMPLE_CANCELLED
                                                                    : LKI_SAMPLE_ERROR;

    lki_vu_record(vu, metric, code, verdict, took_ns);
}

/* ---- what the author gets ---- */

static struct lki_arena *arena_of(const struct talk *talk)
{
    return &talk->response->arena;
}

/* A part of the answer as a value of its own; raw NULL: null. */
static const lk_json *json_of(lk_vu *vu, const struct talk *talk,
                              const struct lki_json_value *value)
{
    const char *raw = value->raw ? value->raw : "null";
    size_t len = value->raw ? value->len : strlen("null");
    lk_json *json = lki_arena_alloc(arena_of(talk), sizeof(*json));
    const char *text = lki_arena_copy(arena_of(talk), raw, len);

    if (!json || !text)
        lki_vu_nomem(vu);
    *json = (struct lk_json){{.text = text,
                              .len = len,
                              .arena = arena_of(talk),
                              .vu = vu,
                              .sample = talk->response->doc.sample}};
    return json;
}

static const char *error_message(lk_vu *vu, const struct talk *talk,
                                 const struct lki_json_value *error)
{
    struct lki_json_value message;
    char *text = NULL;
    size_t len;

    if (!lki_json_find(error->raw, error->len, "message", &message))
        text = lki_arena_alloc(arena_of(talk), message.len);
    if (!text || lki_json_string(&message, text, &len))
        lki_vu_nomem(vu);
    return text;
}

static const lk_rpc_reply *reply_make(lk_vu *vu, const struct talk *talk,
                                      const struct lki_rpc_call *call)
{
    lk_rpc_reply *reply = lki_arena_alloc(arena_of(talk), sizeof(*reply));
    struct lki_json_value none = {.raw = NULL};
    struct lki_json_value data = none;

    if (!reply)
        lki_vu_nomem(vu);
    *reply = (lk_rpc_reply){.ok = call->found == LKI_RPC_RESULT,
                            .code = call->code,
                            .message = call->found == LKI_RPC_RESULT ? "" : call->why,
                            .http_status = talk->response->pub.status,
                            .seconds = (double)talk->took_ns / 1e9,
                            .response = &talk->response->pub};
    if (call->found == LKI_RPC_ERROR) {
        reply->message = error_message(vu, talk, &call->value);
        if (lki_json_find(call->value.raw, call->value.len, "data", &data))
            data = none;
    }
    reply->result = json_of(vu, talk, reply->ok ? &call->value : &none);
    reply->data = json_of(vu, talk, &data);
    return reply;
}

/* ---- calling ---- */

struct errand {
    lk_vu *vu;
    const struct lk_request *request;
    lk_response *response;
};

static void run_errand(void *errand_, void *unused)
{
    struct errand *errand = errand_;

    (void)unused;
    errand->response = lk_http(errand->vu, errand->request);
}

static void all_record(lk_vu *vu, const struct talk *talk, lki_code code)
{
    for (size_t i = 0; i < talk->count; i++)
        sample_record(vu, &talk->calls[i], code ? code : code_of(vu, &talk->calls[i]),
                      talk->took_ns);
}

/* A step that ends in the exchange ends when the calls have been counted. */
static void exchange(lk_vu *vu, const struct lk_request *request, struct talk *talk,
                     struct lki_arena *texts)
{
    struct errand errand = {vu, request, NULL};
    int64_t start_ns = lki_loop_now(vu->loop);
    const char *message;
    enum lki_outcome outcome = lki_task_call_inside(lki_vu_task(vu), run_errand, &errand, NULL,
                                                    &message);

    talk->took_ns = lki_loop_now(vu->loop) - start_ns;
    lki_arena_reset(texts);
    if (outcome == LKI_OUTCOME_TIMEOUT)
        all_record(vu, talk, LKI_CODE_JSONRPC_TIMEOUT);
    else if (outcome == LKI_OUTCOME_CANCELLED)
        all_record(vu, talk, LKI_CODE_JSONRPC_CANCELLED);
    if (outcome != LKI_OUTCOME_OK)
        lki_task_leave(lki_vu_task(vu), outcome, message);
    talk->response = lki_response_of(errand.response);
}

/* Why an exchange got no answer is told of the exchange. */
static void error_tell(lk_vu *vu, const struct lki_rpc_call *call, const char *message)
{
    struct lki_buf *text = lki_vu_scratch(vu);
    const char *whole;

    lki_buf_clear(text);
    lki_buf_printf(text, "%s: %s", call->rpc.method, message);
    whole = lki_buf_cstr(text);
    lki_metrics_error(vu->metrics, LKI_SOURCE_JSONRPC, lki_vu_unit(vu)->step, code_of(vu, call),
                      whole ? whole : message, vu->id);
}

static void heed(lk_vu *vu, const struct talk *talk, const struct lki_rpc_call *call,
                 const lk_rpc_reply *reply)
{
    if (reply->ok || call->rpc.keep_going)
        return;
    if (call->found == LKI_RPC_NO_REPLY)
        lki_vu_fail(vu, "%s got no reply: %s", call->rpc.method,
                    lki_code_name(lost_code(talk->response->code)));
    if (call->found == LKI_RPC_BAD)
        lki_vu_fail(vu, "%s got no proper reply: %s", call->rpc.method, reply->message);
    lki_vu_fail(vu, "%s failed with code %lld: %s", call->rpc.method, reply->code, reply->message);
}

static void talk_over(lk_vu *vu, const struct talk *talk, const lk_rpc_reply **replies)
{
    bool answered = talk->response->pub.status != 0;

    if (answered)
        lki_rpc_read(talk->calls, talk->count, talk->batch, &talk->response->pub, arena_of(talk));
    for (size_t i = 0; !answered && i < talk->count; i++) {
        talk->calls[i].found = LKI_RPC_NO_REPLY;
        talk->calls[i].why = talk->response->error;
    }
    all_record(vu, talk, answered ? 0 : lost_code(talk->response->code));
    for (size_t i = 0; i < talk->count; i++) {
        replies[i] = reply_make(vu, talk, &talk->calls[i]);
        if (answered && !replies[i]->ok)
            error_tell(vu, &talk->calls[i], replies[i]->message);
    }
    for (size_t i = 0; i < talk->count; i++)
        heed(vu, talk, &talk->calls[i], replies[i]);
}

static void talk_run(lk_vu *vu, struct talk *talk, const lk_rpc_reply **replies)
{
    const struct lk_rpc_request *first = &talk->calls->rpc;
    const char *url = first->url ? first->url : rpc_of(vu)->url;
    struct lki_arena texts;
    struct lk_json body;
    struct lk_request request = {
        .size = sizeof(request),
        .method = "POST",
        .url = url ? url : URL_DEFAULT,
        .headers = first->headers ? first->headers : LK_PAIRS("Accept", "application/json"),
        .json = &body,
        .timeout_s = first->timeout_s,
        .keep_going = true,
        .debug = first->debug,
    };

    lki_arena_init(&texts, &vu->loop->chunks, 0);
    body_make(vu, talk, &texts, &body);
    exchange(vu, &request, talk, &texts);
    talk_over(vu, talk, replies);
}

const lk_rpc_reply *lk_rpc(lk_vu *vu, const struct lk_rpc_request *given)
{
    const lk_rpc_reply *reply;
    struct lki_rpc_call call;

    lki_need(given, "lk_rpc", "the call");
    call_take(vu, rpc_of(vu), given, &call);
    talk_run(vu, &(struct talk){.calls = &call, .count = 1}, &reply);
    return reply;
}

static bool same_id(const struct lk_rpc_request *a, const struct lk_rpc_request *b)
{
    if (a->notification || b->notification || !a->id_text != !b->id_text)
        return false;
    return a->id_text ? !strcmp(a->id_text, b->id_text) : a->id == b->id;
}

/* Those that were not given are numbered, and differ from each other. */
static void ids_check(lk_vu *vu, const struct lk_rpc_request *const *given,
                      const struct lki_rpc_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct lk_rpc_request *rpc = &calls[i].rpc;

        if (!rpc->id_text && rpc->id != given[i]->id)
            continue;
        for (size_t k = 0; k < count; k++) {
            if (k == i || !same_id(rpc, &calls[k].rpc))
                continue;
            lki_vu_fail(vu, "%s has the id of another call of its batch: give each its own",
                        rpc->method);
        }
    }
}

void lk_rpc_together(lk_vu *vu, size_t count, const struct lk_rpc_request *const *given,
                     const lk_rpc_reply **replies)
{
    struct lki_rpc *rpc = rpc_of(vu);
    struct lki_rpc_call *calls = count < SIZE_MAX / sizeof(*calls)
                                     ? lki_arena_alloc(lki_vu_arena(vu), count * sizeof(*calls))
                                     : NULL;

    if (!calls)
        lki_vu_nomem(vu);
    if (!count)
        lki_vu_fail(vu, "a JSON-RPC batch without calls");
    lki_need(given, "lk_rpc_batch", "the list of calls");
    lki_need(replies, "lk_rpc_batch", "the list of replies");
    for (size_t i = 0; i < count; i++) {
        lki_need(given[i], "lk_rpc_batch", "one of the calls");
        call_take(vu, rpc, given[i], &calls[i]);
    }
    ids_check(vu, given, calls, count);
    talk_run(vu, &(struct talk){.calls = calls, .count = count, .batch = true}, replies);
}
