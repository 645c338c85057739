#include "client/request.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "client/body.h"
#include "client/cookie.h"
#include "client/decode.h"
#include "client/expect.h"
#include "client/template.h"
#include "net/scan.h"

static const struct lki_method methods[] = {
    {"GET", true, false},   {"POST", false, true},    {"PUT", true, true},
    {"PATCH", false, true}, {"DELETE", true, false},  {"HEAD", true, false},
    {"TRACE", true, false}, {"OPTIONS", true, false},
};

/* ---- where a request goes ---- */

bool lki_is_token(const char *text)
{
    const char *end = text + strlen(text);

    return *text && lki_scan_name(text, end) == end;
}

/* The length of name if it is that of the method, else 0. Most have three letters, for which a call
 * of strcmp would cost more. */
static size_t method_len(const struct lki_method *method, const char *name)
{
    size_t len = 0;

    while (name[len] && name[len] == method->name[len])
        len++;
    return name[len] == method->name[len] ? len : 0;
}

static void take_method(lk_vu *vu, struct lki_outgoing *out)
{
    static const struct lki_method other = {.idempotent = false};
    const char *name = out->request->method;

    if (!name)
        lki_vu_fail(vu, "a request without a method");
    out->verb = name;
    for (size_t i = 0; i < LKI_COUNT(methods); i++) {
        out->method = &methods[i];
        out->verb_len = method_len(out->method, name);
        if (out->verb_len)
            return;
    }
    if (!lki_is_token(name))
        lki_vu_fail(vu, "\"%s\" is not a method", name);
    out->method = &other;
    out->verb_len = strlen(name);
}

void lki_url_take(lk_vu *vu, const char *url, struct lki_url *parts)
{
    const char *why = NULL;

    if (lki_url_parse(parts, url, strlen(url), &why))
        lki_vu_fail(vu, "cannot use the URL \"%s\": %s", url, why);
    if (parts->scheme == LKI_URL_OTHER)
        lki_vu_fail(vu, "cannot use the URL \"%s\": only http:// and https:// are spoken", url);
}

size_t lki_path_take(lk_vu *vu, const char *path, size_t len)
{
    size_t target_len;

    if (LKI_UNLIKELY(lki_url_target(path, len, &target_len)))
        lki_vu_fail(vu, "cannot use the path \"%s\": it has a space or a control character", path);
    return target_len;
}

struct lki_origin *lki_origin_of(lk_vu *vu, const struct lki_http_rules *rules,
                                 const struct lki_url *parts)
{
    struct lki_origin *origin = lki_origin_get(&vu->http.shared->origins, rules->transport, parts);

    if (!origin)
        lki_vu_nomem(vu);
    return origin;
}

/* Splits url into origin, prefix and target. */
static void split(lk_vu *vu, struct lki_outgoing *out)
{
    const char *url = out->request->url;
    size_t len;

    if (!url)
        lki_vu_fail(vu, "a request without a URL");
    len = strlen(url);
    if (LKI_UNLIKELY(lki_url_is_absolute(url, len))) {
        struct lki_url parts;

        lki_url_take(vu, url, &parts);
        out->origin = lki_origin_of(vu, out->rules, &parts);
        out->target = parts.target;
        out->target_len = parts.target_len;
        return;
    }
    if (LKI_UNLIKELY(!vu->http.base))
        lki_vu_fail(vu, "the path \"%s\" needs a base URL: call lk_http_base_url in %s", url,
                    vu->id ? "on_init" : "on_setup");
    out->target_len = lki_path_take(vu, url, len);
    out->origin = vu->http.base;
    out->prefix = vu->http.prefix;
    out->prefix_len = vu->http.prefix_len;
    out->target = url;
}

static void resolve(lk_vu *vu, struct lki_outgoing *out)
{
    split(vu, out);
    if (LKI_UNLIKELY(out->request->params != NULL)) {
        lki_pairs_check(vu, out->request->params, ".params");
        lki_template_fill(vu, out);
    }
}

/* ---- header fields ---- */

static const struct {
    const char *name;
    enum lki_own own;
} owned[] = {
    {"Host", LKI_OWN_HOST},
    {"User-Agent", LKI_OWN_USER_AGENT},
    {"Accept", LKI_OWN_ACCEPT},
    {"Content-Type", LKI_OWN_CONTENT_TYPE},
    {"Authorization", LKI_OWN_AUTHORIZATION},
    {"Cookie", LKI_OWN_COOKIE},
    {"Accept-Encoding", LKI_OWN_ACCEPT_ENCODING},
};

#define ALWAYS (LKI_OWN_HOST | LKI_OWN_USER_AGENT | LKI_OWN_ACCEPT)
/* Of the rules: not for an origin that the author did not name. */
#define PRIVATE (LKI_OWN_HOST | LKI_OWN_AUTHORIZATION | LKI_OWN_COOKIE)

static unsigned own_of(const char *name, size_t len)
{
    for (size_t i = 0; i < LKI_COUNT(owned); i++) {
        if (!strncasecmp(owned[i].name, name, len) && !owned[i].name[len])
            return owned[i].own;
    }
    return 0;
}

/* A header of the author's must not be able to end its line: what follows would be another one. */
void lki_header_check(lk_vu *vu, const char *name, const char *value)
{
    if (!lki_is_token(name))
        lki_vu_fail(vu, "\"%s\" is not the name of a header", name);
    if (!value)
        lki_vu_fail(vu, "the header \"%s\" has no value", name);
    if (value[strcspn(value, "\r\n")])
        lki_vu_fail(vu, "the value of the header \"%s\" has a line break", name);
    if (!strcasecmp(name, "Content-Length") || !strcasecmp(name, "Transfer-Encoding"))
        lki_vu_fail(vu, "the header \"%s\" is loadkit's to set", name);
}

static void take_headers(lk_vu *vu, struct lki_outgoing *out)
{
    const char *const *headers = out->request->headers;

    for (size_t i = 0; headers && headers[i]; i += 2) {
        lki_header_check(vu, headers[i], headers[i + 1]);
        out->own |= own_of(headers[i], strlen(headers[i]));
    }
}

static void take_authorization(lk_vu *vu, struct lki_outgoing *out)
{
    const char *value = out->request->authorization;

    if (out->own & LKI_OWN_AUTHORIZATION)
        lki_vu_fail(vu, "%s %s: give one of .authorization and the header Authorization", out->verb,
                    out->request->url);
    lki_header_check(vu, "Authorization", value);
    out->own |= LKI_OWN_AUTHORIZATION;
}

static bool has_header(const struct lk_request *request, const char *name, size_t len)
{
    const char *const *headers = request->headers;

    for (size_t i = 0; headers && headers[i]; i += 2) {
        if (!strncasecmp(headers[i], name, len) && !headers[i][len])
            return true;
    }
    return false;
}

/* The name at the beginning of a line, and its end. */
static size_t line_name(const char *line)
{
    return strcspn(line, ":");
}

static const char *line_next(const char *line)
{
    return line + strcspn(line, "\n") + 1;
}

/* What holds for all of the user's requests. */
static unsigned own_by_rules(const struct lki_http_rules *rules)
{
    unsigned own = rules->authorization ? LKI_OWN_AUTHORIZATION : 0;

    for (const char *line = rules->headers; *line; line = line_next(line))
        own |= own_of(line, line_name(line));
    return own;
}

/* All that stands in the head and is not loadkit's. */
static unsigned own_in_all(const struct lki_outgoing *out)
{
    return out->own | (out->foreign ? out->own_by_rules & ~PRIVATE : out->own_by_rules);
}

/* ---- what goes out ---- */

#define APPEND(out, literal) lki_buf_append((out), (literal), sizeof(literal) - 1)

void lki_outgoing_write_target(const struct lki_outgoing *out, struct lki_buf *buf)
{
    lki_buf_append(buf, out->prefix, out->prefix_len);
    if (!out->target_len || *out->target != '/')
        lki_buf_char(buf, '/');
    lki_buf_append(buf, out->target, out->target_len);
    if (LKI_UNLIKELY(out->query != NULL) && out->query[0]) {
        lki_buf_char(buf, memchr(out->target, '?', out->target_len) ? '&' : '?');
        lki_pairs_write(buf, out->query);
    }
}

/* The rest of the line, and what all requests to the origin have. */
static void write_greeting(const struct lki_outgoing *out, struct lki_buf *buf)
{
    unsigned own = own_in_all(out);

    APPEND(buf, " HTTP/1.1\r\n");
    if (!(own & LKI_OWN_HOST)) {
        APPEND(buf, "Host: ");
        lki_buf_append(buf, out->origin->authority, out->origin->authority_len);
        APPEND(buf, "\r\n");
    }
    if (!(own & LKI_OWN_USER_AGENT))
        APPEND(buf, "User-Agent: loadkit/" LK_VERSION "\r\n");
    if (!(own & LKI_OWN_ACCEPT))
        APPEND(buf, "Accept: */*\r\n");
}

/* It is written once for all: to be appended whole, with the empty line, costs a tenth of making it
 * for each request. Without memory it is made each time. */
static void greet(struct lki_origin *origin)
{
    const struct lki_outgoing bare = {.origin = origin};
    struct lki_buf buf;

    lki_buf_init(&buf, SIZE_MAX);
    write_greeting(&bare, &buf);
    APPEND(&buf, "\r\n");
    if (buf.err) {
        lki_buf_release(&buf);
        return;
    }
    origin->greeting = buf.data;
    origin->greeting_len = buf.len;
}

static void write_line(struct lki_buf *buf, const char *name, const char *value)
{
    lki_buf_str(buf, name);
    APPEND(buf, ": ");
    lki_buf_str(buf, value);
    APPEND(buf, "\r\n");
}

static void write_headers(const struct lki_outgoing *out, struct lki_buf *buf)
{
    const char *const *headers = out->request->headers;

    for (size_t i = 0; headers && headers[i]; i += 2)
        write_line(buf, headers[i], headers[i + 1]);
    if (out->request->authorization)
        write_line(buf, "Authorization", out->request->authorization);
}

/* What holds for all requests of the user, but for what this one says otherwise. */
static void write_rules(const struct lki_outgoing *out, struct lki_buf *buf)
{
    const struct lki_http_rules *rules = out->rules;
    unsigned without = out->own | (out->foreign ? PRIVATE : 0);
    bool authorized = false;

    for (const char *line = rules->headers; *line; line = line_next(line)) {
        size_t len = line_name(line);
        unsigned own = own_of(line, len);

        authorized = authorized || own == LKI_OWN_AUTHORIZATION;
        if (!(own & without) && !has_header(out->request, line, len))
            lki_buf_append(buf, line, (size_t)(line_next(line) - line));
    }
    if (rules->authorization && !authorized && !(without & LKI_OWN_AUTHORIZATION))
        write_line(buf, "Authorization", rules->authorization);
}

/* What not every request has. */
static void write_more(const struct lki_outgoing *out, struct lki_buf *buf)
{
    write_headers(out, buf);
    write_rules(out, buf);
    if (out->cookies && !(own_in_all(out) & LKI_OWN_COOKIE))
        lki_cookie_write(out, buf);
    if (lki_http_is_compressed(out->rules, out->request) &&
        !(own_in_all(out) & LKI_OWN_ACCEPT_ENCODING))
        write_line(buf, "Accept-Encoding", LKI_DECODE_ACCEPTS);
    if (out->content_type && !(own_in_all(out) & LKI_OWN_CONTENT_TYPE))
        write_line(buf, "Content-Type", out->content_type);
    if (out->length_wanted) {
        APPEND(buf, "Content-Length: ");
        lki_buf_u64(buf, out->body_bytes);
        APPEND(buf, "\r\n");
    }
    if (out->close)
        APPEND(buf, "Connection: close\r\n");
}

void lki_outgoing_write_head(const void *arg, struct lki_buf *buf)
{
    const struct lki_outgoing *out = arg;
    const struct lki_origin *origin = out->origin;

    lki_buf_append(buf, out->verb, out->verb_len);
    lki_buf_char(buf, ' ');
    lki_outgoing_write_target(out, buf);
    if (LKI_UNLIKELY((out->own | out->own_by_rules) & ALWAYS || !origin->greeting)) {
        write_greeting(out, buf);
        write_more(out, buf);
        APPEND(buf, "\r\n");
        return;
    }
    lki_buf_append(buf, origin->greeting, origin->greeting_len);
    if (out->plain)
        return;
    buf->len -= buf->err ? 0 : 2;
    write_more(out, buf);
    APPEND(buf, "\r\n");
}

/* A request that says no more than where it goes, of a user who says nothing about all of them. */
static bool is_bare(const struct lk_request *request, const struct lki_http_rules *rules)
{
    uintptr_t more = (uintptr_t)request->headers | (uintptr_t)request->query |
                     (uintptr_t)request->form | (uintptr_t)request->parts |
                     (uintptr_t)request->json | (uintptr_t)request->body |
                     (uintptr_t)request->body_file | (uintptr_t)request->authorization |
                     (uintptr_t)rules->authorization | rules->header_count | request->body_bytes |
                     (unsigned)request->expect;

    return !more && !request->new_connection && !lki_http_is_compressed(rules, request) &&
           rules->connections != LK_HTTP_NEW;
}

/* All that a bare request does not have. */
static __attribute__((noinline)) void dress(lk_vu *vu, struct lki_outgoing *out)
{
    const struct lk_request *request = out->request;

    out->query = request->query;
    out->close = request->new_connection || out->rules->connections == LK_HTTP_NEW;
    if (request->headers)
        take_headers(vu, out);
    if (request->authorization)
        take_authorization(vu, out);
    out->own_by_rules = own_by_rules(out->rules);
    if (request->query)
        lki_pairs_check(vu, request->query, ".query");
    lki_body_choose(vu, out);
    if (request->expect)
        lki_expect_check(vu, out);
}

void lki_outgoing_make(lk_vu *vu, const struct lk_request *request, struct lki_outgoing *out)
{
    bool bare;

    *out = (struct lki_outgoing){.request = request, .rules = lki_http_rules(&vu->http)};
    take_method(vu, out);
    lki_http_times_check(vu, request);
    resolve(vu, out);
    if (LKI_UNLIKELY(!out->origin->greeting))
        greet(out->origin);
    bare = is_bare(request, out->rules);
    out->length_wanted = out->method->carries_body;
    if (!bare)
        dress(vu, out);
    if (LKI_UNLIKELY(vu->http.cookies != NULL))
        lki_cookie_join(vu, out);
    out->plain = bare && !out->length_wanted && !out->cookies;
}
