#include "client/http.h"

#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>

#include "base/map.h"
#include "base/mem.h"
#include "client/values.h"
#include "client/vu.h"
#include "net/http1_parse.h"
#include "net/scan.h"
#include "net/url.h"
#include "stats/example.h"

#define TIMEOUT_S 30.0
#define MAX_BODY_BYTES ((size_t)64 * 1024 * 1024)
#define FORM_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct lki_response {
    struct lk_response pub;
    struct lki_response *next, *prev; /* of the unit */
    struct lki_unit *unit;
    struct lki_arena arena;
    struct lki_doc doc;
    const char *error; /* "" when the answer is complete */
    const char *head;
    size_t head_bytes;
};

/* What is known of a method; of others nothing is assumed. */
struct method {
    char name[8];
    bool idempotent;
    bool carries_body; /* so its length is told even when it is 0 */
};

static const struct method methods[] = {
    {"GET", true, false},   {"POST", false, true},    {"PUT", true, true},
    {"PATCH", false, true}, {"DELETE", true, false},  {"HEAD", true, false},
    {"TRACE", true, false}, {"OPTIONS", true, false},
};

/* A request as it goes out, for write_head. */
struct outgoing {
    const struct lk_request *request;
    const struct method *method;
    const struct lki_origin *origin;
    const char *prefix;
    size_t prefix_len;
    const char *target; /* without the prefix */
    size_t target_len;
    const char *content_type; /* NULL: no body */
    const char *body;
    size_t body_bytes;
    bool length_wanted; /* methods that carry a body say so even when it is empty */
};

static struct lki_response *response_of(const struct lk_response *pub)
{
    return LKI_CONTAINER(pub, struct lki_response, pub);
}

struct lki_doc *lki_response_doc(const lk_response *response)
{
    return &response_of(response)->doc;
}

void lki_http_shared_init(struct lki_http_shared *shared, struct lki_loop *loop,
                          const struct lki_metrics *metrics)
{
    shared->origins.loop = loop;
    shared->wire = (struct lki_sent){&metrics->totals->http_sent, &shared->sending};
}

void lki_http_shared_release(struct lki_http_shared *shared)
{
    for (size_t i = 0; i < LKI_SAMPLE_NAMES; i++)
        free(shared->names[i].memo);
    lki_origins_release(&shared->origins);
}

void lki_http_client_reset(struct lki_http_client *http)
{
    lki_session_close(&http->session);
    free((char *)(uintptr_t)http->prefix);
    http->prefix = NULL;
    http->prefix_len = 0;
    http->base = NULL;
}

/* ---- where a request goes ---- */

static bool is_token(const char *text)
{
    const char *end = text + strlen(text);

    return *text && lki_scan_name(text, end) == end;
}

static const struct method *method_of(lk_vu *vu, const char *name)
{
    static const struct method other = {.idempotent = false};

    if (!name)
        lki_vu_fail(vu, "a request without a method");
    for (size_t i = 0; i < LKI_COUNT(methods); i++) {
        if (*name == *methods[i].name && !strcmp(name, methods[i].name))
            return &methods[i];
    }
    if (!is_token(name))
        lki_vu_fail(vu, "\"%s\" is not a method", name);
    return &other;
}

static void parse_absolute(lk_vu *vu, const char *url, struct lki_url *parts)
{
    const char *why = NULL;

    if (lki_url_parse(parts, url, strlen(url), &why))
        lki_vu_fail(vu, "cannot use the URL \"%s\": %s", url, why);
    if (parts->scheme != LKI_URL_HTTP)
        lki_vu_fail(vu, "cannot use the URL \"%s\": only http:// is spoken in this version", url);
}

static struct lki_origin *origin_of(lk_vu *vu, const struct lki_url *parts)
{
    struct lki_origin *origin = lki_origin_get(&vu->http.shared->origins, parts);

    if (!origin)
        lki_vu_nomem(vu);
    return origin;
}

static enum lk_err base_set(struct lki_http_client *http, const struct lki_url *parts)
{
    struct lki_origin *origin = lki_origin_get(&http->shared->origins, parts);
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

    if (!url)
        lki_vu_fail(vu, "a base URL that is NULL");
    parse_absolute(vu, url, &parts);
    if (memchr(parts.target, '?', parts.target_len))
        lki_vu_fail(vu, "cannot use the base URL \"%s\": it has a query", url);
    if (base_set(&vu->http, &parts))
        lki_vu_nomem(vu);
}

void lki_http_base_write(const struct lki_http_client *http, struct lki_buf *out)
{
    if (http->base)
        lki_buf_printf(out, "http://%s%s", http->base->authority, http->prefix);
}

enum lk_err lki_http_base_read(struct lki_http_client *http, const char *url)
{
    const char *why = NULL;
    struct lki_url parts;

    if (lki_url_parse(&parts, url, strlen(url), &why))
        return LK_E_FORMAT;
    return base_set(http, &parts);
}

/* Splits url into origin, prefix and target. */
static void resolve(lk_vu *vu, struct outgoing *out)
{
    const char *url = out->request->url;
    size_t len;

    if (!url)
        lki_vu_fail(vu, "a request without a URL");
    len = strlen(url);
    if (LKI_UNLIKELY(lki_url_is_absolute(url, len))) {
        struct lki_url parts;

        parse_absolute(vu, url, &parts);
        out->origin = origin_of(vu, &parts);
        out->target = parts.target;
        out->target_len = parts.target_len;
        return;
    }
    if (LKI_UNLIKELY(!vu->http.base))
        lki_vu_fail(vu, "the path \"%s\" needs a base URL: call lk_http_base_url in %s", url,
                    vu->id ? "on_init" : "on_setup");
    if (LKI_UNLIKELY(lki_url_target(url, len, &out->target_len)))
        lki_vu_fail(vu, "cannot use the path \"%s\": it has a space or a control character", url);
    out->origin = vu->http.base;
    out->prefix = vu->http.prefix;
    out->prefix_len = vu->http.prefix_len;
    out->target = url;
}

/* ---- what goes out ---- */

static void append_pairs(struct lki_buf *out, const char *const *pairs)
{
    for (size_t i = 0; pairs[i]; i += 2) {
        if (i)
            lki_buf_char(out, '&');
        lki_url_escape(out, pairs[i]);
        lki_buf_char(out, '=');
        lki_url_escape(out, pairs[i + 1]);
    }
}

/* Pairs as one text in the step's arena. */
static const char *encode_pairs(lk_vu *vu, const char *const *pairs, size_t *len)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    const char *text;

    lki_buf_clear(scratch);
    append_pairs(scratch, pairs);
    text = scratch->err ? NULL : lki_arena_copy(lki_vu_arena(vu), scratch->data, scratch->len);
    if (!text)
        lki_vu_nomem(vu);
    *len = scratch->len;
    return text;
}

static void choose_body(lk_vu *vu, struct outgoing *out)
{
    const struct lk_request *request = out->request;

    if (!!request->json + !!request->form + !!request->body > 1)
        lki_vu_fail(vu, "%s %s: give one of .json, .form and .body", request->method, request->url);
    if (request->json) {
        out->content_type = "application/json";
        out->body = request->json->doc.text;
        out->body_bytes = request->json->doc.len;
    } else if (request->form) {
        out->content_type = "application/x-www-form-urlencoded";
        out->body = encode_pairs(vu, request->form, &out->body_bytes);
    } else if (request->body) {
        out->content_type = "application/octet-stream";
        out->body = request->body;
        out->body_bytes = request->body_bytes ? request->body_bytes : strlen(request->body);
    }
    out->length_wanted = out->body || out->method->carries_body;
}

/* A header of the author's must not be able to end its line: what follows would be another one. */
static void check_headers(lk_vu *vu, const struct lk_request *request)
{
    const char *const *headers = request->headers;

    for (size_t i = 0; headers && headers[i]; i += 2) {
        if (!is_token(headers[i]))
            lki_vu_fail(vu, "\"%s\" is not the name of a header", headers[i]);
        if (!headers[i + 1])
            lki_vu_fail(vu, "the header \"%s\" has no value", headers[i]);
        if (headers[i + 1][strcspn(headers[i + 1], "\r\n")])
            lki_vu_fail(vu, "the value of the header \"%s\" has a line break", headers[i]);
        if (!strcasecmp(headers[i], "Content-Length") ||
            !strcasecmp(headers[i], "Transfer-Encoding"))
            lki_vu_fail(vu, "the header \"%s\" is loadkit's to set", headers[i]);
    }
}

static void check_pairs(lk_vu *vu, const char *const *pairs, const char *member)
{
    for (size_t i = 0; pairs && pairs[i]; i += 2) {
        if (!pairs[i + 1])
            lki_vu_fail(vu, "\"%s\" in %s has no value", pairs[i], member);
    }
}

static bool has_header(const struct lk_request *request, const char *name)
{
    const char *const *headers = request->headers;

    for (size_t i = 0; headers && headers[i] && headers[i + 1]; i += 2) {
        if (!strcasecmp(headers[i], name))
            return true;
    }
    return false;
}

#define APPEND(out, literal) lki_buf_append((out), (literal), sizeof(literal) - 1)

static void write_target(const struct outgoing *out, struct lki_buf *buf)
{
    lki_buf_append(buf, out->prefix, out->prefix_len);
    if (!out->target_len || *out->target != '/')
        lki_buf_char(buf, '/');
    lki_buf_append(buf, out->target, out->target_len);
    if (out->request->query && out->request->query[0]) {
        lki_buf_char(buf, memchr(out->target, '?', out->target_len) ? '&' : '?');
        append_pairs(buf, out->request->query);
    }
}

static void write_headers(const struct outgoing *out, struct lki_buf *buf)
{
    const struct lk_request *request = out->request;
    const char *const *headers = request->headers;

    for (size_t i = 0; headers && headers[i]; i += 2) {
        lki_buf_str(buf, headers[i]);
        APPEND(buf, ": ");
        lki_buf_str(buf, headers[i + 1]);
        APPEND(buf, "\r\n");
    }
    if (out->content_type && !has_header(request, "Content-Type")) {
        APPEND(buf, "Content-Type: ");
        lki_buf_str(buf, out->content_type);
        APPEND(buf, "\r\n");
    }
    if (out->length_wanted) {
        APPEND(buf, "Content-Length: ");
        lki_buf_u64(buf, out->body_bytes);
        APPEND(buf, "\r\n");
    }
    if (request->new_connection)
        APPEND(buf, "Connection: close\r\n");
}

static void write_head(const void *arg, struct lki_buf *buf)
{
    const struct outgoing *out = arg;

    lki_buf_str(buf, out->request->method);
    lki_buf_char(buf, ' ');
    write_target(out, buf);
    APPEND(buf, " HTTP/1.1\r\n");
    if (!has_header(out->request, "Host")) {
        APPEND(buf, "Host: ");
        lki_buf_append(buf, out->origin->authority, out->origin->authority_len);
        APPEND(buf, "\r\n");
    }
    if (!has_header(out->request, "User-Agent"))
        APPEND(buf, "User-Agent: loadkit/" LK_VERSION "\r\n");
    if (!has_header(out->request, "Accept"))
        APPEND(buf, "Accept: */*\r\n");
    write_headers(out, buf);
    APPEND(buf, "\r\n");
}

/* ---- samples ---- */

/* Finds the metric the long way: by the name that was given, or by method and folded path. */
static struct lki_metric *metric_find(lk_vu *vu, const char *step, const struct outgoing *out)
{
    const struct lk_request *request = out->request;
    char name[LKI_METRIC_NAME_MAX + 1];
    struct lki_buf *scratch = lki_vu_scratch(vu);
    size_t len;

    if (request->name)
        return lki_metrics_find(vu->metrics, LKI_SOURCE_HTTP, step, request->name,
                                strlen(request->name));
    lki_buf_clear(scratch);
    write_target(out, scratch);
    /* a name without its path would be remembered for all such requests */
    if (scratch->err)
        lki_vu_nomem(vu);
    len = strlen(request->method);
    len = lki_min(len, sizeof(name) - 2);
    memcpy(name, request->method, len);
    name[len++] = ' ';
    len += lki_url_fold(name + len, sizeof(name) - len, scratch->data, scratch->len);
    return lki_metrics_find(vu->metrics, LKI_SOURCE_HTTP, step, name, len);
}

/* The slot that remembers such requests, filled in; or none for a name that is too long, or for an
 * absolute URL, of which the target does not say where it leads. */
static struct lki_sample_name *name_of(lk_vu *vu, const char *step, const struct outgoing *out)
{
    const struct lk_request *request = out->request;
    struct lki_sample_name *slot;
    char text[LKI_SAMPLE_NAME_BYTES];
    struct lki_buf key = {.data = text, .cap = sizeof(text), .max = sizeof(text)};
    size_t len;

    if (!out->prefix)
        return NULL;
    if (request->name) {
        lki_buf_char(&key, '='); /* which no method begins with */
        lki_buf_str(&key, request->name);
    } else {
        lki_buf_str(&key, request->method);
        lki_buf_char(&key, ' ');
        lki_buf_append(&key, out->prefix, out->prefix_len);
        lki_buf_append(&key, out->target, out->target_len);
    }
    if (key.err)
        return NULL;
    len = key.len;
    slot =
        &vu->http.shared->names[(lki_hash(text, len) + ((uintptr_t)step >> 3)) % LKI_SAMPLE_NAMES];
    if (slot->metric && slot->step == step && slot->len == len && !memcmp(slot->text, text, len))
        return slot;
    slot->metric = metric_find(vu, step, out);
    slot->step = step;
    slot->len = (uint32_t)len;
    memcpy(slot->text, text, len);
    if (!slot->memo)
        slot->memo = lki_zalloc(sizeof(*slot->memo));
    return slot;
}

static enum lki_verdict verdict_of(const struct lki_exchange_result *result)
{
    if (result->code == LKI_CODE_HTTP_CANCELLED)
        return LKI_SAMPLE_CANCELLED;
    return result->status && result->status < 400 ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR;
}

/* The status line, or why there is none. */
static struct lki_example_part answer_part(const struct lki_exchange_result *result)
{
    const char *text = result->status ? result->head : result->error;

    return (struct lki_example_part){text, text ? strcspn(text, "\r\n") : 0};
}

/* A code that its metric has not seen before: what brought it may be asked for. */
static void example_keep(lk_vu *vu, struct lki_metric *metric, const struct outgoing *out,
                         const struct lki_exchange_result *result)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    struct lki_example_part body = {result->body, result->status ? result->body_bytes : 0};
    struct lki_example *example = NULL;

    lki_buf_clear(scratch);
    lki_buf_str(scratch, out->request->method);
    lki_buf_char(scratch, ' ');
    write_target(out, scratch);
    APPEND(scratch, " HTTP/1.1");
    if (!scratch->err)
        example = lki_metrics_example(vu->metrics, metric, result->code,
                                      (struct lki_example_part){scratch->data, scratch->len},
                                      answer_part(result), body);
    if (example) {
        example->user = vu->id;
        example->took_ns = result->end_ns - result->start_ns;
    }
}

static void record(lk_vu *vu, struct lki_metric *metric, const struct outgoing *out,
                   const struct lki_exchange_result *result)
{
    uint16_t codes = lki_metric_codes(metric);
    struct lki_sample sample = {.code = result->code,
                                .verdict = verdict_of(result),
                                .latency_ns = result->end_ns - result->start_ns,
                                .late_ns = vu->late_ns,
                                .bytes_sent = result->bytes_sent,
                                .bytes_received = result->bytes_received};

    memcpy(sample.phase_ns, result->phase_ns, sizeof(sample.phase_ns));
    lki_metric_record(metric, &sample);
    if (LKI_UNLIKELY(lki_metric_codes(metric) != codes))
        example_keep(vu, metric, out, result);
    if (LKI_UNLIKELY(!result->sent))
        vu->metrics->totals->http_unsent++;
    vu->metrics->totals->http_retries += result->retries;
    if (LKI_UNLIKELY(!result->status && sample.verdict == LKI_SAMPLE_ERROR))
        lki_metrics_error(vu->metrics, LKI_SOURCE_HTTP, lki_vu_unit(vu)->step, result->code,
                          result->error, vu->id);
}

/* ---- the call ---- */

/* The response lies in the arena that the exchange filled, and takes it over. */
static struct lki_response *response_new(lk_vu *vu, struct lki_arena *arena,
                                         const struct lki_exchange_result *result, const char *name)
{
    struct lki_unit *unit = lki_vu_unit(vu);
    struct lki_response *response = lki_arena_alloc(arena, sizeof(*response));

    if (!response) {
        lki_arena_reset(arena);
        lki_vu_nomem(vu);
    }
    *response = (struct lki_response){
        .pub = {.status = result->status,
                .body = result->status ? result->body : "",
                .body_bytes = result->status ? result->body_bytes : 0,
                .seconds = (double)(result->end_ns - result->start_ns) / 1e9},
        .next = unit->responses,
        .unit = unit,
        .arena = *arena,
        .error = result->status ? "" : result->error,
        .head = result->head,
        .head_bytes = result->head_bytes,
        .doc = {.vu = vu, .sample = name},
    };
    response->doc.text = response->pub.body;
    response->doc.len = response->pub.body_bytes;
    response->doc.arena = &response->arena;
    if (response->next)
        response->next->prev = response;
    unit->responses = response;
    return response;
}

/* An exchange that got no complete answer ends the step, unless the call says otherwise; the end of
 * the step or of the run ends it in any case. */
static void heed(lk_vu *vu, const struct lki_exchange_result *result, const char *name,
                 bool keep_going)
{
    lki_task_heed(lki_vu_task(vu), result->ended);
    if (!result->status && !keep_going)
        lki_vu_fail(vu, "%s got no answer: %s", name, lki_code_name(result->code));
}

/* As over the network, what was sent is counted. */
static void exchange_elsewhere(struct lki_http_shared *shared, lk_vu *vu,
                               const struct lki_exchange_request *exchange, struct lki_arena *arena,
                               struct lki_exchange_result *result)
{
    shared->exchange(shared, vu, exchange, arena, result);
    *shared->wire.sent += result->sent;
}

lk_response *lk_http(lk_vu *vu, const struct lk_request *request)
{
    struct lki_http_shared *shared = vu->http.shared;
    struct outgoing out = {.request = request, .prefix = NULL};
    struct lki_exchange_request exchange = {
        .origins = &shared->origins, .write_head = write_head, .arg = &out, .wire = &shared->wire};
    struct lki_exchange_result result;
    struct lki_response *response;
    struct lki_arena arena;
    const char *step = lki_vu_unit(vu)->step;
    struct lki_sample_name *known;
    struct lki_metric *metric;

    out.method = method_of(vu, request->method);
    resolve(vu, &out);
    check_headers(vu, request);
    check_pairs(vu, request->query, ".query");
    check_pairs(vu, request->form, ".form");
    choose_body(vu, &out);
    exchange.origin = (struct lki_origin *)(uintptr_t)out.origin;
    exchange.body = out.body;
    exchange.body_bytes = out.body_bytes;
    exchange.is_head = *out.method->name == 'H';
    exchange.idempotent = out.method->idempotent;
    exchange.new_connection = request->new_connection;
    exchange.max_body_bytes = request->max_body_bytes ? request->max_body_bytes : MAX_BODY_BYTES;
    exchange.timeout_ns = lki_timeout_ns(request->timeout_s, TIMEOUT_S);
    known = name_of(vu, step, &out);
    metric = known ? known->metric : metric_find(vu, step, &out);
    exchange.memo = known ? known->memo : NULL;
    lki_arena_init(&arena, &vu->loop->chunks, 0);
    /* another step of this user may set another base URL meanwhile */
    if (out.prefix_len)
        out.prefix = lki_arena_copy(&arena, out.prefix, out.prefix_len);
    if (out.prefix_len && !out.prefix)
        lki_vu_nomem(vu);
    if (LKI_UNLIKELY(shared->exchange))
        exchange_elsewhere(shared, vu, &exchange, &arena, &result);
    else
        lki_exchange(&vu->http.session, lki_vu_task(vu), &exchange, &arena, &result);
    record(vu, metric, &out, &result);
    response = response_new(vu, &arena, &result, metric->name);
    heed(vu, &result, metric->name, request->keep_going);
    return &response->pub;
}

const char *lk_header(const lk_response *pub, const char *name)
{
    struct lki_response *response = response_of(pub);
    const char *value;
    const char *copy;
    size_t len;

    if (!response->head_bytes ||
        !lki_http1_header(response->head, response->head_bytes, name, 0, &value, &len))
        return "";
    copy = lki_arena_copy(&response->arena, value, len);
    if (!copy)
        lki_vu_nomem(response->unit->vu);
    return copy;
}

const char *lk_error(const lk_response *pub)
{
    return response_of(pub)->error;
}

/* The response lies in its own arena, which is copied out first. */
static void response_free(struct lki_response *response)
{
    struct lki_arena arena = response->arena;

    if (response->prev)
        response->prev->next = response->next;
    else
        response->unit->responses = response->next;
    if (response->next)
        response->next->prev = response->prev;
    lki_arena_reset(&arena);
}

void lk_response_free(lk_response *pub)
{
    if (pub)
        response_free(response_of(pub));
}

void lki_responses_free(struct lki_unit *unit)
{
    while (unit->responses)
        response_free(unit->responses);
}
