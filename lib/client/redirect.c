#include "client/redirect.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "client/vu.h"
#include "net/http1_parse.h"

#define SHOWN_BYTES 200

/* ---- where it leads ---- */

/* A reference, taken apart; parts that are not there are NULL. */
struct reference {
    const char *scheme_end; /* at the colon */
    const char *authority;
    const char *path; /* always there, but may be empty */
    const char *query;
    const char *end; /* without the fragment */
};

static const char *find(const char *at, const char *end, const char *stops)
{
    while (at < end && !strchr(stops, *at))
        at++;
    return at;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static const char *scheme_end(const char *text, const char *end)
{
    const char *colon = find(text, end, ":/?");

    if (colon == end || *colon != ':' || !is_letter(*text))
        return NULL;
    for (const char *at = text; at < colon; at++) {
        if (!is_letter(*at) && !(*at >= '0' && *at <= '9') && !strchr("+-.", *at))
            return NULL;
    }
    return colon;
}

static struct reference reference_of(const char *text, size_t len)
{
    struct reference ref = {.end = find(text, text + len, "#")};
    const char *at = text;

    ref.scheme_end = scheme_end(text, ref.end);
    if (ref.scheme_end)
        at = ref.scheme_end + 1;
    if (ref.end - at >= 2 && at[0] == '/' && at[1] == '/') {
        ref.authority = at + 2;
        at = find(ref.authority, ref.end, "/?");
    }
    ref.path = at;
    at = find(at, ref.end, "?");
    ref.query = at < ref.end ? at : NULL;
    return ref;
}

/* Servers send spaces, and letters that are not of ASCII, as they are. */
static void append_escaped(struct lki_buf *url, const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == ' ' || (unsigned char)*at >= 0x80)
            lki_buf_printf(url, "%%%02X", (unsigned char)*at);
        else
            lki_buf_char(url, *at);
    }
}

/* Takes "." and ".." out of the path that url ends with, and that begins at from with a slash. */
static void dots_remove(struct lki_buf *url, size_t from)
{
    char *base = url->data + from;
    char *end = url->data + url->len;
    char *in = base;
    char *out = base;

    while (in < end) {
        char *stop = in + 1;
        size_t len;

        while (stop < end && *stop != '/')
            stop++;
        len = (size_t)(stop - in);
        if ((len == 2 && in[1] == '.') || (len == 3 && in[1] == '.' && in[2] == '.')) {
            while (len == 3 && out > base && *--out != '/')
                continue;
            if (stop == end)
                *out++ = '/';
        } else {
            memmove(out, in, len);
            out += len;
        }
        in = stop;
    }
    url->len = (size_t)(out - url->data);
}

/* What of the base's path stays before a path that is relative. */
static size_t folder_len(const char *target)
{
    size_t len = strcspn(target, "?");

    while (len && target[len - 1] != '/')
        len--;
    return len;
}

static void append_target(const struct lki_redirect_base *base, const struct reference *ref,
                          struct lki_buf *url)
{
    const char *path_end = ref->query ? ref->query : ref->end;
    size_t path_at = url->len;

    if (!ref->authority && ref->path == path_end) {
        lki_buf_append(url, base->target, strcspn(base->target, ref->query ? "?" : ""));
        append_escaped(url, path_end, ref->end);
        return;
    }
    if (!ref->authority && *ref->path != '/')
        lki_buf_append(url, base->target, folder_len(base->target));
    append_escaped(url, ref->path, path_end);
    if (!url->err && url->len > path_at)
        dots_remove(url, path_at);
    append_escaped(url, path_end, ref->end);
}

void lki_redirect_resolve(const struct lki_redirect_base *base, const char *location, size_t len,
                          struct lki_buf *url)
{
    struct reference ref = reference_of(location, len);

    if (ref.scheme_end)
        lki_buf_append(url, location, (size_t)(ref.scheme_end + 1 - location));
    else
        lki_buf_str(url, base->scheme == LKI_URL_HTTPS ? "https:" : "http:");
    if (ref.scheme_end && !ref.authority) {
        append_escaped(url, ref.path, ref.end);
        return;
    }
    lki_buf_append(url, "//", 2);
    if (ref.authority)
        lki_buf_append(url, ref.authority, (size_t)(ref.path - ref.authority));
    else
        lki_buf_str(url, base->authority);
    append_target(base, &ref, url);
}

/* ---- what goes there ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 303 wants the result to be looked at; a POST that is moved becomes a GET since browsers have
 * always made it one. */
static bool becomes_get(int status, const char *method)
{
    if (status == 303)
        return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
    return status < 303 && !strcmp(method, "POST");
}

static bool is_of(const char *name, const char *const *names)
{
    while (*names && strcasecmp(*names, name) != 0)
        names++;
    return *names;
}

/* The headers without those that told of the body, or of who asks. False: no memory. */
static bool headers_filter(struct lki_hop *hop, bool bodiless)
{
    static const char *const of_body[] = {"Content-Type", "Content-Encoding", "Content-Language",
                                          "Content-Location", NULL};
    static const char *const of_user[] = {"Authorization", "Cookie", "Host", NULL};
    const char *const *from = hop->request.headers;
    const char **headers;
    size_t count = 0;

    while (from[count])
        count += 2;
    headers = lki_arena_alloc(&hop->arena, (count + 1) * sizeof(*headers));
    if (!headers)
        return false;
    hop->request.headers = headers;
    for (; *from; from += 2) {
        if ((bodiless && is_of(*from, of_body)) || (hop->foreign && is_of(*from, of_user)))
            continue;
        *headers++ = from[0];
        *headers++ = from[1];
    }
    *headers = NULL;
    return true;
}

static void body_drop(struct lk_request *request)
{
    request->method = "GET";
    request->form = NULL;
    request->parts = NULL;
    request->json = NULL;
    request->body = NULL;
    request->body_bytes = 0;
    request->body_file = NULL;
}

static void on_held_free(struct lki_held *held)
{
    struct lki_arena arena = LKI_CONTAINER(held, struct lki_hop, held)->arena;

    lki_arena_reset(&arena);
}

struct lki_arena lki_hop_take(struct lki_hop *hop)
{
    struct lki_arena arena = hop->arena;

    hop->arena = (struct lki_arena){0};
    lki_held_free(&hop->held);
    return arena;
}

/* The request to be sent to url, which is not to change; NULL: no memory. */
static struct lki_hop *hop_new(lk_vu *vu, const struct lki_outgoing *out, const char *url,
                               int status, bool foreign)
{
    bool bodiless = becomes_get(status, out->verb);
    struct lki_arena arena;
    struct lki_hop *hop;

    lki_arena_init(&arena, &vu->loop->chunks, 0);
    hop = lki_arena_alloc(&arena, sizeof(*hop));
    if (!hop)
        return NULL;
    *hop = (struct lki_hop){.held = {.free = on_held_free},
                            .arena = arena,
                            .request = *out->request,
                            .foreign = foreign};
    lki_unit_hold(lki_vu_unit(vu), &hop->held);
    hop->request.url = lki_arena_copy(&hop->arena, url, strlen(url));
    hop->request.params = NULL;
    hop->request.query = NULL;
    if (bodiless)
        body_drop(&hop->request);
    if (foreign)
        hop->request.authorization = NULL;
    if (!hop->request.url || (hop->request.headers && !headers_filter(hop, bodiless))) {
        lki_held_free(&hop->held);
        return NULL;
    }
    return hop;
}

/* The URL as text in arena; NULL: no memory. */
static const char *url_of(lk_vu *vu, const struct lki_outgoing *out, struct lki_arena *arena,
                          const char *location, size_t len)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    struct lki_redirect_base base = {.scheme = out->origin->scheme,
                                     .authority = out->origin->authority};

    lki_buf_clear(scratch);
    lki_outgoing_write_target(out, scratch);
    base.target = scratch->err ? NULL : lki_arena_copy(arena, scratch->data, scratch->len);
    if (!base.target)
        return NULL;
    lki_buf_clear(scratch);
    lki_redirect_resolve(&base, location, len, scratch);
    return scratch->err ? NULL : lki_arena_copy(arena, scratch->data, scratch->len);
}

static bool same_origin(const struct lki_origin *origin, const struct lki_url *url)
{
    return origin->scheme == url->scheme && origin->port == url->port &&
           strlen(origin->host) == url->host_len &&
           !strncasecmp(origin->host, url->host, url->host_len);
}

static void refuse(struct lki_exchange_result *result, struct lki_arena *arena, const char *url,
                   const char *why)
{
    char shown[SHOWN_BYTES];

    lki_text_shown(shown, sizeof(shown), url);
    lki_exchange_fail(result, arena, LKI_CODE_HTTP_REDIRECTS,
                      "cannot follow the redirect to \"%s\": %s", shown, why);
    result->status = 0;
}

struct lki_hop *lki_redirect_follow(lk_vu *vu, const struct lki_outgoing *out, unsigned followed,
                                    struct lki_arena *arena, struct lki_exchange_result *result)
{
    unsigned most = lki_http_redirects(out->rules, out->request);
    struct lki_hop *hop = NULL;
    struct lki_url parts = {0};
    const char *location;
    const char *why = NULL;
    const char *url;
    size_t len;

    if (!most || !is_redirect(result->status) ||
        !lki_http1_header(result->head, result->head_bytes, "Location", 0, &location, &len) || !len)
        return NULL;
    url = url_of(vu, out, arena, location, len);
    if (url && !lki_url_parse(&parts, url, strlen(url), &why) && parts.scheme == LKI_URL_OTHER)
        why = "only http:// and https:// are spoken";
    if (url && !why && followed == most)
        why = "there were too many before it";
    if (url && !why)
        hop = hop_new(vu, out, url, result->status, !same_origin(out->origin, &parts));
    if (why) {
        refuse(result, arena, url, why);
    } else if (!hop) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the request");
        result->status = 0;
    }
    return hop;
}
