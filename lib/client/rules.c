#include "client/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client/authorization.h"
#include "client/settings.h"
#include "client/vu.h"

#define TIMEOUT_S 30.0
#define REDIRECTS_MAX 10

void lki_http_rules_init(struct lki_http_rules *rules, struct lki_transport *transport)
{
    *rules = (struct lki_http_rules){
        .transport = transport,
        .timeout_ns = lki_ns(TIMEOUT_S),
        .limits = {LKI_NEVER, LKI_NEVER, LKI_NEVER, LKI_NEVER},
        .max_redirects = REDIRECTS_MAX,
        .headers = "",
    };
}

/* ---- from settings ---- */

/* Of what out holds, with its terminator. */
struct text {
    size_t at;
    bool there;
};

static struct text text_end(struct lki_buf *out, size_t at)
{
    lki_buf_char(out, '\0');
    return (struct text){at, true};
}

static struct text text_write(struct lki_buf *out, const char *text)
{
    size_t at = out->len;

    lki_buf_str(out, text ? text : "");
    return text_end(out, at);
}

static struct text headers_write(struct lki_buf *out, const char *const *headers, size_t *count)
{
    size_t at = out->len;

    for (*count = 0; headers && headers[0]; headers += 2, ++*count)
        lki_buf_printf(out, "%s: %s\r\n", headers[0], headers[1]);
    return text_end(out, at);
}

static struct text basic_write(struct lki_buf *out, const struct lk_http_settings *settings)
{
    size_t at = out->len;

    lki_basic_write(out, settings->user, settings->password ? settings->password : "");
    return text_end(out, at);
}

static const char *text_at(const struct lki_http_rules *rules, struct text text)
{
    return text.there ? rules->texts + text.at : NULL;
}

/* Headers, and who asks, in one block. */
static enum lk_err texts_keep(struct lki_http_rules *rules, const struct lk_http_settings *settings)
{
    bool digest = settings->user && settings->auth == LK_HTTP_DIGEST;
    struct text basic = {0};
    struct text user = {0};
    struct text password = {0};
    struct text headers;
    struct lki_buf out;

    lki_buf_init(&out, LKI_HTTP_SETTINGS_MAX);
    headers = headers_write(&out, settings->headers, &rules->header_count);
    if (settings->user && !digest)
        basic = basic_write(&out, settings);
    if (digest) {
        user = text_write(&out, settings->user);
        password = text_write(&out, settings->password);
    }
    rules->texts = out.err ? NULL : malloc(out.len);
    if (rules->texts) {
        memcpy(rules->texts, out.data, out.len);
        rules->headers = text_at(rules, headers);
        rules->authorization = text_at(rules, basic);
        rules->credentials = (struct lki_credentials){
            .user = text_at(rules, user), .password = text_at(rules, password), .digest = digest};
    }
    lki_buf_release(&out);
    return rules->texts ? LK_OK : LK_E_NOMEM;
}

static int64_t limit_of(double seconds, int64_t otherwise_ns)
{
    return seconds == 0 ? otherwise_ns : lki_limit_ns(seconds);
}

enum lk_err lki_http_rules_make(struct lki_http_rules *rules, struct lki_transports *transports,
                                const struct lk_http_settings *settings)
{
    const struct lki_transport_settings how = lki_http_settings_transport(settings);
    struct lki_transport *transport = lki_transport_get(transports, &how);
    struct lki_http_rules made;
    enum lk_err err;

    if (!transport)
        return LK_E_NOMEM;
    lki_http_rules_init(&made, transport);
    made.engine = settings->engine;
    made.version = settings->version;
    made.connections = settings->connections;
    made.beyond = lki_http_settings_beyond(settings);
    made.timeout_ns = limit_of(settings->timeout_s, made.timeout_ns);
    made.limits.lookup_ns = limit_of(settings->lookup_timeout_s, LKI_NEVER);
    made.limits.connect_ns = limit_of(settings->connect_timeout_s, LKI_NEVER);
    made.limits.tls_ns = limit_of(settings->tls_timeout_s, LKI_NEVER);
    made.limits.first_byte_ns = limit_of(settings->first_byte_timeout_s, LKI_NEVER);
    if (settings->no_redirects)
        made.max_redirects = 0;
    else if (settings->max_redirects)
        made.max_redirects = settings->max_redirects;
    made.no_cookies = settings->no_cookies;
    made.compressed = settings->compressed;
    err = texts_keep(&made, settings);
    if (!err)
        *rules = made;
    return err;
}

void lki_http_rules_release(struct lki_http_rules *rules)
{
    free(rules->texts);
    rules->texts = NULL;
}

void lki_http_rules_free(struct lki_http_rules *rules)
{
    while (rules) {
        struct lki_http_rules *former = rules->former;

        lki_http_rules_release(rules);
        free(rules);
        rules = former;
    }
}

void lki_http_rules_prune(struct lki_http_rules *rules)
{
    struct lki_http_rules **at = &rules->former;

    while (*at) {
        struct lki_http_rules *former = *at;

        if (former->uses) {
            at = &former->former;
            continue;
        }
        *at = former->former;
        former->former = NULL;
        lki_http_rules_free(former);
    }
}

/* ---- for a request ---- */

/* What the native engine cannot do of this; NULL: nothing. */
static const char *beyond_native(const struct lki_http_rules *rules,
                                 const struct lk_request *request,
                                 const struct lki_exchange_request *exchange)
{
    if (exchange->version == LK_HTTP_2_ONLY)
        return "speak HTTP/2";
    /* which is agreed upon over TLS only */
    if (exchange->version == LK_HTTP_2 && exchange->origin->scheme == LKI_URL_HTTPS)
        return "speak HTTP/2";
    if (request->body_file)
        return "send a file as the body";
    return rules->beyond;
}

static __attribute__((noinline)) void engine_choose(lk_vu *vu, const struct lki_http_rules *rules,
                                                    const struct lk_request *request,
                                                    struct lki_exchange_request *exchange)
{
    enum lk_http_engine wanted = request->engine ? request->engine : rules->engine;
    const char *beyond;

    if ((unsigned)request->engine > LK_HTTP_ENGINE_CURL)
        lki_vu_fail(vu, "%s %s: .engine is none of LK_HTTP_ENGINE_...", request->method,
                    request->url);
    if ((unsigned)request->version > LK_HTTP_2_ONLY)
        lki_vu_fail(vu, "%s %s: .version is no version of HTTP that is known", request->method,
                    request->url);
    beyond = beyond_native(rules, request, exchange);
    if (beyond && wanted == LK_HTTP_ENGINE_NATIVE)
        lki_vu_fail(vu, "%s %s: the native engine cannot %s; leave the choice to auto",
                    request->method, request->url, beyond);
    if (beyond || wanted == LK_HTTP_ENGINE_CURL)
        exchange->engine = LKI_ENGINE_CURL;
    /* it would send none, or wait for that of the answer */
    if (exchange->engine == LKI_ENGINE_CURL && exchange->is_head &&
        (exchange->body_bytes || exchange->body_file))
        lki_vu_fail(vu, "%s %s: the curl engine cannot send a body with HEAD", request->method,
                    request->url);
}

static inline uint64_t bits_of(double seconds)
{
    uint64_t bits;

    memcpy(&bits, &seconds, sizeof(bits));
    return bits;
}

/* All in one look: most requests have none. */
static inline bool has_limits(const struct lk_request *request)
{
    return bits_of(request->lookup_timeout_s) | bits_of(request->connect_timeout_s) |
           bits_of(request->tls_timeout_s) | bits_of(request->first_byte_timeout_s);
}

void lki_http_times_refuse(lk_vu *vu, const struct lk_request *request)
{
    double wrong;
    const char *name = lki_http_times_wrong(LKI_HTTP_TIMES(request), &wrong);

    if (name)
        lki_vu_fail(vu, "%s %s: .%s: " LKI_NO_TIME, request->method, request->url, name, wrong);
}

static __attribute__((noinline)) void limits_apply(const struct lk_request *request,
                                                   struct lki_phase_limits *limits)
{
    limits->lookup_ns = limit_of(request->lookup_timeout_s, limits->lookup_ns);
    limits->connect_ns = limit_of(request->connect_timeout_s, limits->connect_ns);
    limits->tls_ns = limit_of(request->tls_timeout_s, limits->tls_ns);
    limits->first_byte_ns = limit_of(request->first_byte_timeout_s, limits->first_byte_ns);
}

void lki_http_rules_apply(lk_vu *vu, const struct lki_http_rules *rules,
                          const struct lk_request *request, struct lki_exchange_request *exchange)
{
    exchange->engine = LKI_ENGINE_NATIVE;
    exchange->version = request->version ? request->version : rules->version;
    if (LKI_UNLIKELY(rules->beyond || rules->engine || request->engine || exchange->version ||
                     request->body_file))
        engine_choose(vu, rules, request, exchange);
    exchange->timeout_ns = limit_of(request->timeout_s, rules->timeout_ns);
    exchange->limits = rules->limits;
    if (LKI_UNLIKELY(has_limits(request)))
        limits_apply(request, &exchange->limits);
    exchange->credentials = rules->credentials;
    exchange->new_connection = request->new_connection || rules->connections == LK_HTTP_NEW;
}
