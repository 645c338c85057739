#include "client/http.h"

#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>

#include "base/mem.h"
#include "client/cookie.h"
#include "client/decode.h"
#include "client/expect.h"
#include "client/jsonrpc.h"
#include "client/redirect.h"
#include "client/request.h"
#include "client/response.h"
#include "client/sample.h"
#include "client/setup.h"
#include "client/vu.h"
#include "client/watch.h"
#include "client/websocket.h"

#define MAX_BODY_BYTES ((size_t)64 * 1024 * 1024)

enum lk_err lki_http_shared_init(struct lki_http_shared *shared, struct lki_loop *loop,
                                 const struct lki_metrics *metrics)
{
    struct lki_transport *plain = lki_transport_get(&shared->origins.transports,
                                                    &(struct lki_transport_settings){0});

    if (!plain)
        return LK_E_NOMEM;
    shared->origins.loop = loop;
    shared->wire = (struct lki_sent){&metrics->totals->http_sent, &shared->sending};
    lki_http_rules_init(&shared->rules, plain);
    shared->session.shared = true;
    return LK_OK;
}

void lki_http_shared_release(struct lki_http_shared *shared)
{
    for (size_t i = 0; i < LKI_SAMPLE_NAMES; i++)
        free(shared->names[i].memo);
    lki_session_close(&shared->session);
    lki_http_setup_release(shared);
    lki_origins_release(&shared->origins);
}

void lki_http_client_reset(struct lki_http_client *http)
{
    lki_ws_close_all(http);
    lki_rpc_forget(http);
    lki_session_close(&http->session);
    lki_http_setup_forget(http);
    free((char *)(uintptr_t)http->prefix);
    http->prefix = NULL;
    http->prefix_len = 0;
    http->base = NULL;
    lki_cookies_free(http->cookies);
    http->cookies = NULL;
}

static enum lk_err base_set(struct lki_http_client *http, const struct lki_url *parts)
{
    struct lki_origin *origin = lki_origin_get(&http->shared->origins,
                                               lki_http_rules(http)->transport, parts);
    size_t len = parts->target_len;
    char *prefix;

    while (len && parts->target[len - 1] == '/')
        len--;
    prefix = malloc(len + 1);
    if (!origin || !prefix) {
        free(prefix);
        return LK_E_NOMEM;
    }
    memcpy(prefix, parts->target, len);
    prefix[len] = '\0';
    free((char *)(uintptr_t)http->prefix);
    http->prefix = prefix;
    http->prefix_len = len;
    http->base = origin;
    return LK_OK;
}

void lk_http_base_url(lk_vu *vu, const char *url)
{
    struct lki_url parts;

    lki_need(url, "lk_http_base_url", "the URL");
    lki_url_take(vu, url, &parts);
    if (memchr(parts.target, '?', parts.target_len))
        lki_vu_fail(vu, "cannot use the base URL \"%s\": it has a query", url);
    if (base_set(&vu->http, &parts))
        lki_vu_nomem(vu);
}

void lki_http_base_write(const struct lki_http_client *http, struct lki_buf *out)
{
    if (http->base)
        lki_buf_printf(out, "%s://%s%s", http->base->scheme == LKI_URL_HTTPS ? "https" : "http",
                       http->base->authority, http->prefix);
}

enum lk_err lki_http_base_read(struct lki_http_client *http, const char *url)
{
    const char *why = NULL;
    struct lki_url parts;

    if (lki_url_parse(&parts, url, strlen(url), &why))
        return LK_E_FORMAT;
    return base_set(http, &parts);
}

/* A call of an author's. Redirects make it several exchanges, one behind the other. */
struct call {
    lk_vu *vu;
    struct lki_outgoing out;
    struct lki_sampling sampling;
    struct lki_arena arena; /* of the answer */
    struct lki_exchange_result result;
    struct lki_hop *next; /* where the answer leads; NULL: nowhere */
    unsigned redirects;
    int64_t left_ns; /* of the time that the call has */
};

/* An exchange that got no complete answer ends the step, unless the call says otherwise; the end of
 * the step or of the run ends it in any case. */
static void heed(const struct call *call)
{
    lki_task_heed(lki_vu_task(call->vu), call->result.ended);
    if (!call->result.status && !call->out.request->keep_going)
        lki_vu_fail(call->vu, "%s got no answer: %s", call->sampling.metric->name,
                    lki_code_name(call->result.code));
}

/* As over the network, what was sent is counted. */
static void exchange_elsewhere(struct lki_http_shared *shared, lk_vu *vu,
                               const struct lki_exchange_request *exchange, struct lki_arena *arena,
                               struct lki_exchange_result *result)
{
    shared->exchange(shared, vu, exchange, arena, result);
    *shared->wire.sent += result->sent;
}

/* The users of a worker share their connections, or have their own. */
static struct lki_session *session_of(lk_vu *vu, const struct lki_http_rules *rules)
{
    return LKI_UNLIKELY(rules->connections == LK_HTTP_SHARED) ? &vu->http.shared->session
                                                              : &vu->http.session;
}

/* ---- what stands in the head of an answer ---- */

/* Whether the body is there as a whole, and may be unpacked. */
static bool is_packed(const struct call *call)
{
    const struct lki_exchange_result *result = &call->result;

    return result->fields & LKI_FIELD_CONTENT_ENCODING && !call->out.request->raw_body &&
           result->status != 206;
}

static void unpack(struct call *call, const struct lki_exchange_request *exchange)
{
    struct lki_exchange_result *result = &call->result;

    lki_decode(result, &call->arena, exchange->max_body_bytes, lki_vu_task(call->vu),
               lki_ns_after(result->start_ns, exchange->timeout_ns));
}

static __attribute__((noinline)) void answer_take(struct call *call,
                                                  const struct lki_exchange_request *exchange)
{
    struct lki_exchange_result *result = &call->result;

    if (result->fields & LKI_FIELD_SET_COOKIE && lki_cookie_take(call->vu, &call->out, result)) {
        lki_exchange_fail(result, &call->arena, LKI_CODE_HTTP_TOO_LARGE,
                          "out of memory for a cookie");
        result->status = 0;
        return;
    }
    if (result->fields & LKI_FIELD_LOCATION)
        call->next = lki_redirect_follow(call->vu, &call->out, call->redirects, &call->arena,
                                         result);
    call->out.leads_on = call->next;
    if (!call->next && result->status && is_packed(call))
        unpack(call, exchange);
}

/* ---- exchanges ---- */

/* Makes what is to be carried out; what cannot be ends the step. */
static void prepare(struct call *call, struct lki_exchange_request *exchange)
{
    const struct lki_outgoing *out = &call->out;
    const struct lk_request *request = out->request;
    struct lki_http_shared *shared = call->vu->http.shared;

    *exchange = (struct lki_exchange_request){
        .origins = &shared->origins,
        .origin = out->origin,
        .write_head = lki_outgoing_write_head,
        .arg = out,
        .body = out->body,
        .body_bytes = out->body_bytes,
        .body_file = out->body_file,
        .memo = call->sampling.memo,
        .wire = &shared->wire,
        .is_head = *out->method->name == 'H',
        .idempotent = out->method->idempotent,
        .discard_body = request->discard_body,
        .max_body_bytes = request->max_body_bytes ? request->max_body_bytes : MAX_BODY_BYTES,
    };
    lki_http_rules_apply(call->vu, out->rules, request, exchange);
    if (LKI_UNLIKELY(out->foreign))
        exchange->credentials = (struct lki_credentials){0};
    if (LKI_UNLIKELY(call->redirects))
        exchange->timeout_ns = call->left_ns;
}

/* Makes the arena of the answer, in which a request that follows a redirect lies already. */
static void arena_begin(struct call *call)
{
    struct lki_outgoing *out = &call->out;

    if (LKI_UNLIKELY(call->next != NULL))
        call->arena = lki_hop_take(call->next);
    else
        lki_arena_init(&call->arena, &call->vu->loop->chunks, 0);
    call->next = NULL;
    /* another step of this user may set another base URL meanwhile */
    if (out->prefix_len)
        out->prefix = lki_arena_copy(&call->arena, out->prefix, out->prefix_len);
    if (out->prefix_len && !out->prefix)
        lki_vu_nomem(call->vu);
}

/* One exchange, and its sample. */
static void carry_out(struct call *call)
{
    lk_vu *vu = call->vu;
    struct lki_http_shared *shared = vu->http.shared;
    struct lki_exchange_result *result = &call->result;
    struct lki_exchange_request exchange;

    call->sampling = lki_sampling_of(vu, &call->out);
    prepare(call, &exchange);
    arena_begin(call);
    lki_watch_request(vu, &exchange);
    lki_http_rules_hold(call->out.rules);
    if (LKI_UNLIKELY(shared->exchange))
        exchange_elsewhere(shared, vu, &exchange, &call->arena, result);
    else
        lki_exchange(session_of(vu, call->out.rules), lki_vu_task(vu), &exchange, &call->arena,
                     result);
    call->left_ns = exchange.timeout_ns;
    if (LKI_UNLIKELY(result->fields) && result->status)
        answer_take(call, &exchange);
    lki_http_rules_drop(call->out.rules);
    lki_watch_answer(vu, call->out.request, &exchange, result);
    lki_sample_record(vu, call->sampling.metric, &call->out, result);
}

/* Goes where the answer leads, with what is left of the time. */
static __attribute__((noinline)) void follow(struct call *call)
{
    struct lki_outgoing *out = &call->out;
    bool foreign = out->foreign || call->next->foreign;

    if (call->left_ns != LKI_NEVER)
        call->left_ns -= call->result.end_ns - call->result.start_ns;
    if (call->left_ns <= 0)
        call->left_ns = 1;
    lki_arena_reset(&call->arena);
    call->redirects++;
    lki_outgoing_make(call->vu, &call->next->request, out);
    out->foreign = foreign;
    if (out->origin == call->vu->http.base)
        out->prefix = ""; /* so that the name of the sample is remembered */
    carry_out(call);
}

static void begin(struct call *call, lk_vu *vu, const struct lk_request *request)
{
    call->vu = vu;
    call->redirects = 0;
    call->next = NULL;
    lki_outgoing_make(vu, request, &call->out);
    carry_out(call);
}

lk_response *lk_http(lk_vu *vu, const struct lk_request *request)
{
    struct lki_response *response;
    struct call call;

    (void)lki_vu_task(vu); /* not on a helper thread, before anything is touched */
    lki_need(request, "lk_http", "the request");
    begin(&call, vu, request);
    while (LKI_UNLIKELY(call.next != NULL))
        follow(&call);
    response = lki_response_new(vu, &call.arena, &call.result, call.sampling.metric->name);
    response->doc.discarded = request->discard_body;
    if (LKI_UNLIKELY(call.redirects)) {
        response->pub.redirects = call.redirects;
        response->pub.url = call.out.request->url;
    }
    heed(&call);
    if (LKI_UNLIKELY(request->expect))
        lki_expect_heed(vu, &call.out, response);
    return &response->pub;
}
