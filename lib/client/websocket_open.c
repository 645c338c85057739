/* Opening WebSockets: lk_ws_open of <loadkit/websocket.h>. */
#include <string.h>
#include <strings.h>

#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/cookie.h"
#include "client/request.h"
#include "client/sample.h"
#include "client/watch.h"
#include "client/websocket.h"
#include "net/http1_parse.h"
#include "net/ws_key.h"

#define MESSAGE_BYTES ((size_t)1024 * 1024)
#define REFUSAL_BYTES ((size_t)1024 * 1024) /* of the body of an answer that is no 101 */
#define HEADERS_OF_OURS 5

/* ---- what is asked for ---- */

/* An older program's struct is shorter: what it lacks is zero. */
static struct lk_ws_options options_of(const struct lk_ws_options *given)
{
    struct lk_ws_options options = {0};

    memcpy(&options, given, lki_min(given->size, sizeof(options)));
    return options;
}

static const char *need(lk_vu *vu, const char *text)
{
    if (!text)
        lki_vu_nomem(vu);
    return text;
}

/* "ws://" is another name for "http://", and "wss://" for "https://". */
static const char *url_of(lk_vu *vu, const char *url)
{
    struct lki_url parts;
    const char *why;

    if (!url)
        lki_vu_fail(vu, "a WebSocket without a URL: lk_ws_open(vu, \"/path\", ...)");
    if (strncasecmp(url, "ws://", 5) != 0 && strncasecmp(url, "wss://", 6) != 0) {
        if (!lki_url_parse(&parts, url, strlen(url), &why) && parts.scheme == LKI_URL_OTHER)
            lki_vu_fail(vu,
                        "cannot use the URL \"%s\": only ws:// and wss:// are spoken, also by the "
                        "names http:// and https://",
                        url);
        return url;
    }
    return need(vu, lki_arena_printf(lki_vu_arena(vu), "http%s", url + 2));
}

static void check_header(lk_vu *vu, const char *name, const char *value)
{
    lki_header_check(vu, name, value);
    if (!strcasecmp(name, "Sec-WebSocket-Protocol"))
        lki_vu_fail(vu, "the header \"%s\" is loadkit's to set: use .protocols", name);
    if (!strcasecmp(name, "Upgrade") || !strcasecmp(name, "Connection") ||
        !strncasecmp(name, "Sec-WebSocket-", 14))
        lki_vu_fail(vu, "the header \"%s\" is loadkit's to set", name);
}

/* The author's, and those of the handshake. */
static const char *const *headers_of(lk_vu *vu, const struct lk_ws_options *options,
                                     const char *key)
{
    const char *ours[2 * HEADERS_OF_OURS] = {
        "Upgrade", "websocket",         "Connection", "Upgrade", "Sec-WebSocket-Version",
        "13",      "Sec-WebSocket-Key", key};
    const char **headers;
    size_t count = 0;

    for (; options->headers && options->headers[count]; count += 2)
        check_header(vu, options->headers[count], options->headers[count + 1]);
    headers = lki_arena_alloc(lki_vu_arena(vu),
                              (count + 2 * HEADERS_OF_OURS + 1) * sizeof(*headers));
    if (!headers)
        lki_vu_nomem(vu);
    if (options->protocols && *options->protocols) {
        ours[8] = "Sec-WebSocket-Protocol";
        ours[9] = options->protocols;
    }
    memcpy(headers, ours, sizeof(ours));
    for (size_t i = 0; i <= count; i++)
        headers[(ours[8] ? 10 : 8) + i] = i < count ? options->headers[i] : NULL;
    return headers;
}

/* "/chat", as its samples are called. */
static const char *name_of(lk_vu *vu, const struct lk_ws_options *options,
                           const struct lki_outgoing *out)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    char name[LKI_METRIC_NAME_MAX + 1];

    if (options->name)
        return options->name;
    lki_buf_clear(scratch);
    if (out->label) {
        lki_buf_append(scratch, out->prefix, out->prefix_len);
        lki_buf_append(scratch, out->label, out->label_len);
        return need(
            vu, lki_arena_copy(lki_vu_arena(vu), scratch->err ? "" : scratch->data, scratch->len));
    }
    lki_outgoing_write_target(out, scratch);
    if (scratch->err)
        lki_vu_nomem(vu);
    lki_url_fold(name, sizeof(name), scratch->data, scratch->len);
    return need(vu, lki_arena_copy(lki_vu_arena(vu), name, strlen(name)));
}

static const char *key_of(lk_vu *vu)
{
    uint64_t nonce[2] = {lki_entropy_u64(), lki_entropy_u64()};
    char key[LKI_WS_KEY_BYTES];

    lki_ws_key((const uint8_t *)nonce, key);
    return need(vu, lki_arena_copy(lki_vu_arena(vu), key, LKI_WS_KEY_BYTES - 1));
}

/* ---- what was answered ---- */

/* A field of the answer, which comes once; NULL: it is not there. */
static const char *field(struct lk_ws *ws, const struct lki_exchange_result *result,
                         const char *name, bool *bad)
{
    const char *value;
    const char *copy;
    size_t len;

    if (!lki_http1_header(result->head, result->head_bytes, name, 0, &value, &len))
        return NULL;
    copy = lki_arena_copy(&ws->arena, value, len);
    *bad = *bad || !copy ||
           lki_http1_header(result->head, result->head_bytes, name, 1, &value, &len);
    return copy;
}

/* Unlike lki_text_list_has, as it is written. */
static bool is_offered(const char *protocols, const char *one)
{
    size_t one_len = strlen(one);

    while (protocols && *protocols) {
        size_t len;

        protocols += strspn(protocols, ", \t");
        len = strcspn(protocols, ", \t");
        if (len && len == one_len && !memcmp(protocols, one, len))
            return true;
        protocols += len;
    }
    return false;
}

/* What is wrong with an answer of status 101; NULL: nothing. */
static const char *wrong_with(struct lk_ws *ws, const struct lki_exchange_result *result,
                              const char *key, const char *protocols)
{
    char wanted[LKI_WS_ACCEPT_BYTES];
    const char *protocol;
    const char *accept;
    bool bad = false;

    lki_ws_accept(key, wanted);
    accept = field(ws, result, "Sec-WebSocket-Accept", &bad);
    if (!accept || bad || strcmp(accept, wanted) != 0)
        return "its Sec-WebSocket-Accept is not that of the key";
    if (!lki_text_list_has(field(ws, result, "Upgrade", &bad), "websocket") || bad)
        return "its Upgrade is not \"websocket\"";
    if (!lki_text_list_has(field(ws, result, "Connection", &bad), "upgrade"))
        return "its Connection does not say Upgrade";
    if (field(ws, result, "Sec-WebSocket-Extensions", &bad))
        return "it names an extension, but none was asked for";
    protocol = field(ws, result, "Sec-WebSocket-Protocol", &bad);
    if (bad || (protocol && !is_offered(protocols, protocol)))
        return "it names a subprotocol that was not asked for";
    ws->protocol = protocol ? protocol : "";
    return NULL;
}

/* Sets ws->error, unless all is well. */
static void judge(struct lk_ws *ws, struct lki_exchange_result *result, const char *key,
                  const char *protocols)
{
    const char *wrong = NULL;

    ws->status = result->status;
    if (result->upgraded) {
        wrong = wrong_with(ws, result, key, protocols);
        if (!wrong)
            return;
        lki_conn_close(result->upgraded);
        result->upgraded = NULL;
        result->status = 0;
        lki_exchange_fail(result, &ws->arena, LKI_CODE_HTTP_PROTOCOL,
                          "the server's handshake is none: %s", wrong);
    }
    if (result->status) {
        const char *line = result->head + strcspn(result->head, " ");
        char *error;

        line += *line == ' ';
        error = lki_arena_printf(&ws->arena, "the server answered %.*s", (int)strcspn(line, "\r\n"),
                                 line);
        if (error)
            lki_text_one_line(error, strlen(error));
        ws->error = error;
    } else {
        ws->error = result->error;
    }
    if (!ws->error)
        ws->error = "out of memory";
}

/* ---- opening ---- */

/* The handshake as a request of an author's, and how it is to be carried out. */
struct opening {
    struct lk_ws_options options;
    struct lk_request request;
    struct lki_outgoing out;
    struct lki_sampling sampling;
    struct lki_exchange_request exchange;
    const char *name;
    const char *key;
};

static void request_make(lk_vu *vu, struct opening *opening)
{
    const struct lk_ws_options *options = &opening->options;

    opening->key = key_of(vu);
    opening->request = (struct lk_request){
        .size = sizeof(opening->request),
        .method = "GET",
        .url = url_of(vu, options->url),
        .params = options->params,
        .query = options->query,
        .headers = headers_of(vu, options, opening->key),
        .authorization = options->authorization,
        .expect = 101,
        .timeout_s = options->timeout_s,
        .engine = LK_HTTP_ENGINE_NATIVE,
        .version = LK_HTTP_1_1,
    };
}

/* What cannot be opened ends the step here, before there is anything to tidy up. */
static void opening_make(lk_vu *vu, struct opening *opening)
{
    struct lki_http_shared *shared = vu->http.shared;
    const char *beyond = lki_http_rules(&vu->http)->beyond;
    struct lki_outgoing *out = &opening->out;

    request_make(vu, opening);
    if (shared->exchange)
        lki_vu_fail(vu,
                    "cannot open the WebSocket \"%s\": a test of a scenario answers requests "
                    "only",
                    opening->options.url);
    if (beyond)
        lki_vu_fail(vu, "cannot open the WebSocket \"%s\": WebSockets cannot %s",
                    opening->options.url, beyond);
    lki_outgoing_make(vu, &opening->request, out);
    out->close = false; /* whatever is wanted of requests */
    opening->name = name_of(vu, &opening->options, out);
    opening->request.name = need(vu,
                                 lki_arena_printf(lki_vu_arena(vu), "CONNECT %s", opening->name));
    opening->sampling = lki_sampling_of(vu, out);
    if (out->prefix_len)
        out->prefix = need(vu, lki_arena_copy(lki_vu_arena(vu), out->prefix, out->prefix_len));
    opening->exchange = (struct lki_exchange_request){
        .origins = &shared->origins,
        .origin = out->origin,
        .write_head = lki_outgoing_write_head,
        .arg = out,
        .wire = &shared->wire,
        .idempotent = true,
        .max_body_bytes = REFUSAL_BYTES,
    };
    lki_http_rules_apply(vu, out->rules, &opening->request, &opening->exchange);
    opening->exchange.upgrade = true;
}

/* Whether it is open; result->ended says whether the step is. */
static bool shake_hands(struct lk_ws *ws, const struct opening *opening,
                        struct lki_exchange_result *result)
{
    const struct lk_ws_options *options = &opening->options;
    lk_vu *vu = ws->vu;

    ws->name = lki_arena_copy(&ws->arena, opening->name, strlen(opening->name));
    if (!ws->name)
        return false;
    lki_watch_request(vu, &opening->exchange);
    lki_http_rules_hold(opening->out.rules);
    lki_exchange(&ws->session, lki_vu_task(vu), &opening->exchange, &ws->arena, result);
    lki_http_rules_drop(opening->out.rules);
    if (result->fields & LKI_FIELD_SET_COOKIE)
        lki_cookie_take(vu, &opening->out, result);
    judge(ws, result, opening->key, options->protocols);
    lki_watch_answer(vu, &opening->request, &opening->exchange, result);
    lki_sample_record(vu, opening->sampling.metric, &opening->out, result);
    if (ws->error)
        return false;
    if (!lki_websocket_start(
            &ws->socket, result->upgraded, result->body, result->body_bytes, lki_entropy_u64(),
            options->max_message_bytes ? options->max_message_bytes : MESSAGE_BYTES))
        return true;
    ws->error = "out of memory";
    return false;
}

lk_ws *lk_ws_connect(lk_vu *vu, const struct lk_ws_options *given)
{
    struct lki_exchange_result result = {.ended = LKI_WAKE_EVENT};
    struct opening opening = {.name = NULL};
    const char *message;
    struct lk_ws *ws;

    lki_need(given, "lk_ws_connect", "the struct of options");
    opening.options = options_of(given);
    opening_make(vu, &opening);
    ws = lki_ws_new(vu, opening.options.keep_going);
    if (!ws)
        lki_vu_nomem(vu);
    if (shake_hands(ws, &opening, &result)) {
        lki_ws_hand_to_user(ws);
        return ws;
    }
    /* what it says stays readable for as long as the step, or what is told of it, lasts */
    lki_ws_hand_to_unit(ws);
    lki_task_heed(lki_vu_task(vu), result.ended);
    if (!ws->error)
        lki_vu_nomem(vu);
    message = lki_arena_printf(lki_vu_arena(vu), "%s: %s", opening.request.name, ws->error);
    if (!ws->keep_going)
        lki_vu_fail_with(vu, message);
    return ws;
}
