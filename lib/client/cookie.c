#include "client/cookie.h"

#include <stdlib.h>
#include <string.h>

#include <loadkit/http.h>

#include "base/mem.h"
#include "client/vu.h"
#include "net/http1_parse.h"

/* As much of the path of a request as matters: no cookie has a longer one. */
struct path {
    char text[LKI_COOKIE_PATH_MAX + 2];
    size_t len;
};

static void path_add(struct path *path, const char *text, size_t len)
{
    len = lki_min(len, sizeof(path->text) - path->len);
    if (len)
        memcpy(path->text + path->len, text, len);
    path->len += len;
}

static struct lki_cookie_place place_of(const struct lki_outgoing *out, struct path *path)
{
    const struct lki_origin *origin = out->origin;

    path->len = 0;
    path_add(path, out->prefix, out->prefix_len);
    if (!out->target_len || *out->target != '/')
        path_add(path, "/", 1);
    path_add(path, out->target, out->target_len);
    return (struct lki_cookie_place){.host = origin->host,
                                     .host_len = strlen(origin->host),
                                     .path = path->text,
                                     .path_len = path->len,
                                     .secure = origin->scheme == LKI_URL_HTTPS};
}

/* Seconds since 1970 by the user's own clock, which in a test is not that of the wall. */
static int64_t now_s(const lk_vu *vu)
{
    return (vu->http.cookies->epoch_ns + lki_loop_now(vu->loop)) / LKI_NS_PER_S;
}

/* The user's, made when it is first used. NULL: no memory. */
static struct lki_cookies *cookies_of(lk_vu *vu)
{
    struct lki_cookies *cookies = vu->http.cookies;

    if (!cookies) {
        cookies = lki_zalloc(sizeof(*cookies));
        if (!cookies)
            return NULL;
        cookies->epoch_ns = lki_wall_ns() - lki_loop_now(vu->loop);
        vu->http.cookies = cookies;
    }
    return cookies;
}

void lki_cookies_free(struct lki_cookies *cookies)
{
    if (!cookies)
        return;
    lki_cookies_clear(cookies);
    free(cookies);
}

/* ---- exchanges ---- */

void lki_cookie_join(lk_vu *vu, struct lki_outgoing *out)
{
    if (!lki_http_has_cookies(out->rules, out->request))
        return;
    out->cookies = vu->http.cookies;
    out->now_s = now_s(vu);
}

void lki_cookie_write(const struct lki_outgoing *out, struct lki_buf *buf)
{
    struct path path;
    struct lki_cookie_place place = place_of(out, &path);

    if (!lki_cookies_choose(out->cookies, &place, out->now_s))
        return;
    lki_buf_str(buf, "Cookie: ");
    lki_cookies_write(out->cookies, buf);
    lki_buf_str(buf, "\r\n");
}

enum lk_err lki_cookie_take(lk_vu *vu, const struct lki_outgoing *out,
                            const struct lki_exchange_result *result)
{
    struct path path;
    struct lki_cookie_place place = place_of(out, &path);
    const char *value;
    const char *why;
    size_t len;

    if (!lki_http_has_cookies(out->rules, out->request))
        return LK_OK;
    if (!cookies_of(vu))
        return LK_E_NOMEM;
    for (unsigned i = 0;
         lki_http1_header(result->head, result->head_bytes, "Set-Cookie", i, &value, &len); i++) {
        if (lki_cookies_take(vu->http.cookies, &place, value, len, now_s(vu), &why) == LK_E_NOMEM)
            return LK_E_NOMEM;
    }
    return LK_OK;
}

/* ---- what authors call ---- */

/* Where a request for that URL would go. */
static struct lki_cookie_place place_of_url(lk_vu *vu, const char *url, struct path *path)
{
    const struct lk_request request = {.size = sizeof(request), .method = "GET", .url = url};
    struct lki_outgoing out;

    lki_outgoing_make(vu, &request, &out);
    return place_of(&out, path);
}

const char *lk_cookie(lk_vu *vu, const char *url, const char *name)
{
    struct path path;
    struct lki_cookie_place place = place_of_url(vu, url, &path);
    const char *value = NULL;
    size_t len = 0;

    if (!name)
        lki_vu_fail(vu, "a cookie without a name is asked for");
    if (vu->http.cookies && lki_cookies_choose(vu->http.cookies, &place, now_s(vu)))
        value = lki_cookies_value(vu->http.cookies, name, &len);
    if (!value)
        return "";
    value = lki_arena_copy(lki_vu_arena(vu), value, len);
    if (!value)
        lki_vu_nomem(vu);
    return value;
}

void lk_cookie_set(lk_vu *vu, const char *url, const char *cookie)
{
    struct path path;
    struct lki_cookie_place place = place_of_url(vu, url, &path);
    const char *why = "it is NULL";
    enum lk_err err = cookie ? LK_OK : LK_E_FORMAT;

    if (!cookies_of(vu))
        lki_vu_nomem(vu);
    if (!err)
        err = lki_cookies_take(vu->http.cookies, &place, cookie, strlen(cookie), now_s(vu), &why);
    if (err == LK_E_NOMEM)
        lki_vu_nomem(vu);
    if (err)
        lki_vu_fail(vu, "cannot set the cookie \"%s\" for %s: %s", cookie ? cookie : "", url, why);
}

void lk_cookies_clear(lk_vu *vu)
{
    if (vu->http.cookies)
        lki_cookies_clear(vu->http.cookies);
}
