/*
 * Who is let in. In this order: requests that two readers could understand in two ways, foreign
 * hosts (DNS rebinding), foreign origins (other pages in the same browser), who has not got the
 * token, and bodies that a form of another page could have sent.
 */
#include <event2/keyvalq_struct.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/json_lex.h"
#include "web/host.h"
#include "web/inner.h"
#include "web/token.h"

/* ---- framing */

struct heads {
    unsigned hosts, lengths, encodings;
    const char *bad;
};

static bool is_token(const char *name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    const char *at = name;

    while ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
           (*at && strchr(marks, *at)))
        at++;
    return at > name && !*at;
}

static bool is_value(const char *value)
{
    while (((uint8_t)*value >= ' ' && *value != 0x7f) || *value == '\t')
        value++;
    return !*value;
}

static struct heads look_at_heads(struct lki_web_request *request)
{
    struct evkeyvalq *list = evhttp_request_get_input_headers(request->http);
    struct heads heads = {.bad = NULL};
    const struct evkeyval *field;

    for (field = list->tqh_first; field; field = field->next.tqe_next) {
        if (!is_token(field->key) || !is_value(field->value))
            heads.bad = "a header field is malformed";
        heads.hosts += !strcasecmp(field->key, "Host");
        heads.lengths += !strcasecmp(field->key, "Content-Length");
        heads.encodings += !strcasecmp(field->key, "Transfer-Encoding");
    }
    return heads;
}

/* What libevent and a proxy in front of us could have read as bodies of different lengths. */
static const char *body_is_unclear(const struct lki_web_request *request, const struct heads *heads)
{
    const char *encoding = lki_web_header(request, "Transfer-Encoding");
    const char *length = lki_web_header(request, "Content-Length");

    if (heads->lengths > 1 || heads->encodings > 1 || (length && encoding))
        return "the length of the body is given twice";
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return "the only Transfer-Encoding taken here is chunked";
    if (length && (!*length || strspn(length, "0123456789") != strlen(length)))
        return "Content-Length is no number";
    return NULL;
}

/* Of these methods libevent leaves a body unread, and would take it for the next request. */
static bool leaves_body(const struct lki_web_request *request)
{
    return (!strcmp(request->method, "HEAD") || !strcmp(request->method, "?")) &&
           (lki_web_header(request, "Content-Length") ||
            lki_web_header(request, "Transfer-Encoding"));
}

static bool refuse(struct lki_web_request *request, int status, const char *code, const char *why)
{
    request->web->counts.refused++;
    lki_web_fail(request, status, code, NULL, "%s", why);
    return false;
}

/* libevent answers by the version that it was asked by. */
static bool version_is_ours(struct lki_web_request *request)
{
    struct evhttp_request *http = request->http;
    bool is = http->major == 1 && http->minor >= 0;

    if (!is || http->minor > 1) {
        http->major = 1;
        http->minor = 1;
    }
    return is;
}

bool lki_web_guard_framing(struct lki_web_request *request)
{
    struct heads heads = look_at_heads(request);
    const char *bad = heads.bad;

    if (!version_is_ours(request)) {
        request->closes = true;
        return refuse(request, 505, "http_version", "this server speaks HTTP/1.1");
    }
    if (!bad && heads.hosts != 1)
        bad = heads.hosts ? "there are several Host fields" : "there is no Host field";
    if (!bad)
        bad = body_is_unclear(request, &heads);
    request->closes = bad || leaves_body(request);
    return !bad || refuse(request, 400, "bad_request", bad);
}

/* ---- host and origin */

static bool is_named(const struct lki_web *web, const char *host, size_t len)
{
    if (len == 9 && !strncasecmp(host, "localhost", len))
        return true;
    for (size_t i = 0; i < web->settings.allowed_host_count; i++) {
        const char *name = web->settings.allowed_hosts[i];

        if (strlen(name) == len && !strncasecmp(host, name, len))
            return true;
    }
    return false;
}

/* No name that others could make point at us: numbers are what they are. */
static bool is_our_host(const struct lki_web *web, const char *host)
{
    const char *listen = web->settings.address;
    struct lki_web_address own = lki_web_address_parse(listen, strlen(listen));
    struct lki_web_address asked;
    size_t len;

    if (!lki_web_host_split(host, &len))
        return false;
    asked = lki_web_address_parse(host, len);
    if (!asked.family)
        return is_named(web, host, len);
    return lki_web_address_is_loopback(&asked) || lki_web_address_is_any(&own) ||
           lki_web_address_equal(&asked, &own) || is_named(web, host, len);
}

bool lki_web_is_cors(const struct lki_web_request *request)
{
    const char *allowed = request->web->settings.cors_origin;
    const char *origin = lki_web_header(request, "Origin");

    return allowed && origin && !strcasecmp(allowed, origin);
}

bool lki_web_guard_origin(struct lki_web_request *request)
{
    const char *origin = lki_web_header(request, "Origin");
    const char *host = lki_web_header(request, "Host");

    if (!is_our_host(request->web, host))
        return refuse(
            request, 403, "forbidden_host",
            "the request is for another host than this one: its names, but for localhost, "
            "are given by --allowed-hosts");
    if (origin && !lki_web_origin_is(origin, host) && !lki_web_is_cors(request))
        return refuse(request, 403, "forbidden_origin",
                      "pages of another origin may not use this server");
    return true;
}

/* ---- token */

bool lki_web_guard_token(struct lki_web_request *request)
{
    if (lki_web_is_authorized(request))
        return true;
    lki_web_answer_header(request, "WWW-Authenticate", "Bearer realm=\"loadkit\"");
    return refuse(
        request, 401, "unauthorized",
        lki_web_carries_token(request)
            ? "the token is wrong"
            : "a token is needed: Authorization: Bearer TOKEN, or X-Loadkit-Token: TOKEN");
}

/* ---- body */

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t len = sizeof(json) - 1;

    return type && !strncasecmp(type, json, len) && (!type[len] || strchr("; \t", type[len]));
}

static bool take_body(struct lki_web_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request->http);
    size_t len = evbuffer_get_length(in);
    char *body = lki_arena_alloc(&request->arena, len + 1);

    if (!body)
        return false;
    evbuffer_remove(in, body, len);
    body[len] = '\0';
    request->body = body;
    request->body_len = len;
    return true;
}

static const char *body_fault(const struct lki_web_request *request)
{
    const char *body = request->body;
    const char *end = body + request->body_len;
    const char *at = lki_json_space_end(body, end);
    enum lk_err err;

    if (at == end)
        return "the body is empty: a JSON object was expected";
    err = lki_json_check(body, request->body_len);
    if (err == LK_E_LIMIT)
        return "the body is nested too deeply";
    if (err)
        return "the body is not JSON";
    return *at == '{' ? NULL : "the body is no JSON object";
}

bool lki_web_guard_body(struct lki_web_request *request)
{
    const char *coding = lki_web_header(request, "Content-Encoding");
    const char *fault;

    if (!take_body(request))
        return refuse(request, 500, "internal_error", "out of memory");
    if (coding && strcasecmp(coding, "identity") != 0)
        return refuse(request, 415, "unsupported_media_type",
                      "bodies have to be sent as they are, not packed: without Content-Encoding");
    if (request->body_len && !is_json(lki_web_header(request, "Content-Type")))
        return refuse(request, 415, "unsupported_media_type",
                      "bodies have to be sent as Content-Type: application/json");
    fault = request->route->body ? body_fault(request) : NULL;
    return !fault || refuse(request, 400, "invalid_json", fault);
}
