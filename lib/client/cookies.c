#include "client/cookies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "client/set_cookie.h"

struct lki_cookie {
    struct lki_cookie *next;
    int64_t expires_s;
    uint64_t chosen; /* the turn in which it was chosen last */
    uint32_t name_len;
    uint32_t value_len;
    uint32_t domain_len;
    uint32_t path_len;
    bool host_only;
    bool secure;
    bool http_only; /* no script is here to be kept from it */
    char text[];    /* name, value, domain in lower case, path */
};

static const char *value_of(const struct lki_cookie *cookie)
{
    return cookie->text + cookie->name_len;
}

static const char *domain_of(const struct lki_cookie *cookie)
{
    return value_of(cookie) + cookie->value_len;
}

static const char *path_of(const struct lki_cookie *cookie)
{
    return domain_of(cookie) + cookie->domain_len;
}

/* ---- where cookies belong ---- */

static bool is_address(const char *host, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (memchr(host, ':', len))
        return true;
    if (len >= sizeof(text))
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    return inet_pton(AF_INET, text, &bytes) == 1;
}

/* Whether the host is the domain, or, being a name, lies in it. */
static bool domain_matches(const struct lki_cookie_place *place, const char *domain, size_t len)
{
    size_t before = place->host_len - len;

    if (place->host_len < len || strncasecmp(place->host + before, domain, len) != 0)
        return false;
    return !before || (place->host[before - 1] == '.' && !is_address(place->host, place->host_len));
}

/* A domain of one label, such as com, belongs to nobody. Which longer ones do not either, only a
 * list of them all can tell. */
static bool is_public(const char *domain, size_t len)
{
    return len < 3 || !memchr(domain + 1, '.', len - 2);
}

/* Without the query. */
static size_t path_len_of(const struct lki_cookie_place *place)
{
    const char *query = place->path_len ? memchr(place->path, '?', place->path_len) : NULL;

    return query ? (size_t)(query - place->path) : place->path_len;
}

static bool path_matches(const char *path, size_t len, const struct lki_cookie *cookie)
{
    const char *own = path_of(cookie);

    if (len < cookie->path_len || memcmp(path, own, cookie->path_len) != 0)
        return false;
    return len == cookie->path_len || own[cookie->path_len - 1] == '/' ||
           path[cookie->path_len] == '/';
}

/* The folder of the page that set the cookie. */
static void default_path(struct lki_set_cookie *set, const struct lki_cookie_place *place)
{
    size_t len = path_len_of(place);

    while (len && place->path[len - 1] != '/')
        len--;
    set->path = len > 1 ? place->path : "/";
    set->path_len = len > 1 ? len - 1 : 1;
}

/* What is wrong with a cookie from there, or NULL; makes its domain and path whole. */
static const char *place_settle(struct lki_set_cookie *set, const struct lki_cookie_place *place,
                                bool *host_only)
{
    bool itself = set->domain_len == place->host_len &&
                  !strncasecmp(set->domain ? set->domain : "", place->host, place->host_len);

    *host_only = !set->domain_len || (itself && is_public(set->domain, set->domain_len));
    if (!*host_only && !itself && is_public(set->domain, set->domain_len))
        return "its domain is that of too many hosts";
    if (!*host_only && !domain_matches(place, set->domain, set->domain_len))
        return "its domain is not that of the host";
    if (*host_only) {
        set->domain = place->host;
        set->domain_len = place->host_len;
    }
    if (!set->path)
        default_path(set, place);
    return set->path_len > LKI_COOKIE_PATH_MAX ? "its path is too long" : NULL;
}

/* ---- keeping ---- */

static void drop(struct lki_cookies *cookies, struct lki_cookie **at)
{
    struct lki_cookie *cookie = *at;

    *at = cookie->next;
    cookies->count--;
    free(cookie);
}

void lki_cookies_clear(struct lki_cookies *cookies)
{
    while (cookies->first)
        drop(cookies, &cookies->first);
}

static bool same_domain(const struct lki_cookie *a, const struct lki_cookie *b)
{
    return a->domain_len == b->domain_len && !memcmp(domain_of(a), domain_of(b), a->domain_len);
}

static bool same_cookie(const struct lki_cookie *a, const struct lki_cookie *b)
{
    return a->name_len == b->name_len && !memcmp(a->text, b->text, a->name_len) &&
           same_domain(a, b) && a->path_len == b->path_len &&
           !memcmp(path_of(a), path_of(b), a->path_len);
}

static struct lki_cookie *cookie_new(const struct lki_set_cookie *set, bool host_only)
{
    size_t bytes = set->name_len + set->value_len + set->domain_len + set->path_len;
    struct lki_cookie *cookie = malloc(sizeof(*cookie) + bytes);
    char *at;

    if (!cookie)
        return NULL;
    *cookie = (struct lki_cookie){.expires_s = set->expires_s,
                                  .name_len = (uint32_t)set->name_len,
                                  .value_len = (uint32_t)set->value_len,
                                  .domain_len = (uint32_t)set->domain_len,
                                  .path_len = (uint32_t)set->path_len,
                                  .host_only = host_only,
                                  .secure = set->secure,
                                  .http_only = set->http_only};
    at = cookie->text;
    memcpy(at, set->name, set->name_len);
    at += set->name_len;
    memcpy(at, set->value, set->value_len);
    at += set->value_len;
    for (size_t i = 0; i < set->domain_len; i++) {
        char c = set->domain[i];

        *at++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    memcpy(at, set->path, set->path_len);
    return cookie;
}

static void drop_expired(struct lki_cookies *cookies, int64_t now_s)
{
    struct lki_cookie **at = &cookies->first;

    while (*at) {
        if ((*at)->expires_s <= now_s)
            drop(cookies, at);
        else
            at = &(*at)->next;
    }
}

/* Drops the one that was not used for longest, of those of a domain, or of all (like NULL), if
 * there are so many. */
static void drop_idle(struct lki_cookies *cookies, const struct lki_cookie *like, size_t most)
{
    struct lki_cookie **idle = NULL;
    size_t count = 0;

    for (struct lki_cookie **at = &cookies->first; *at; at = &(*at)->next) {
        if (like && !same_domain(*at, like))
            continue;
        count++;
        if (!idle || (*at)->chosen < (*idle)->chosen)
            idle = at;
    }
    if (count >= most)
        drop(cookies, idle);
}

/* Where a new one goes: behind all whose path is as long. */
static struct lki_cookie **place_of(struct lki_cookies *cookies, const struct lki_cookie *cookie)
{
    struct lki_cookie **at = &cookies->first;

    drop_idle(cookies, cookie, LKI_COOKIES_OF_DOMAIN_MAX);
    if (cookies->count >= LKI_COOKIES_MAX)
        drop_idle(cookies, NULL, LKI_COOKIES_MAX);
    while (*at && (*at)->path_len >= cookie->path_len)
        at = &(*at)->next;
    return at;
}

/* One that replaces another has its place, and so its age. One that has expired only takes the
 * other away, which is how servers do that. */
static void insert(struct lki_cookies *cookies, struct lki_cookie *cookie, bool expired)
{
    struct lki_cookie **at = &cookies->first;

    while (*at && !same_cookie(*at, cookie))
        at = &(*at)->next;
    if (*at)
        drop(cookies, at);
    else if (!expired)
        at = place_of(cookies, cookie);
    if (expired) {
        free(cookie);
        return;
    }
    cookie->chosen = ++cookies->turn;
    cookie->next = *at;
    *at = cookie;
    cookies->count++;
}

enum lk_err lki_cookies_take(struct lki_cookies *cookies, const struct lki_cookie_place *place,
                             const char *text, size_t len, int64_t now_s, const char **why)
{
    struct lki_set_cookie set;
    struct lki_cookie *cookie;
    bool host_only;

    if (lki_set_cookie_parse(&set, text, len, now_s, why))
        return LK_E_FORMAT;
    *why = place_settle(&set, place, &host_only);
    if (*why)
        return LK_E_FORMAT;
    cookie = cookie_new(&set, host_only);
    if (!cookie)
        return LK_E_NOMEM;
    drop_expired(cookies, now_s);
    insert(cookies, cookie, cookie->expires_s <= now_s);
    return LK_OK;
}

/* ---- sending ---- */

static bool goes_to(const struct lki_cookie *cookie, const struct lki_cookie_place *place,
                    size_t path_len)
{
    if (cookie->secure && !place->secure)
        return false;
    if (cookie->host_only && cookie->domain_len != place->host_len)
        return false;
    return path_matches(place->path, path_len, cookie) &&
           domain_matches(place, domain_of(cookie), cookie->domain_len);
}

bool lki_cookies_choose(struct lki_cookies *cookies, const struct lki_cookie_place *place,
                        int64_t now_s)
{
    size_t path_len = path_len_of(place);
    bool any = false;

    drop_expired(cookies, now_s);
    cookies->turn++;
    for (struct lki_cookie *cookie = cookies->first; cookie; cookie = cookie->next) {
        if (!goes_to(cookie, place, path_len))
            continue;
        cookie->chosen = cookies->turn;
        any = true;
    }
    return any;
}

void lki_cookies_write(const struct lki_cookies *cookies, struct lki_buf *buf)
{
    const struct lki_cookie *cookie = cookies->first;
    bool another = false;

    for (; cookie; cookie = cookie->next) {
        if (cookie->chosen != cookies->turn)
            continue;
        if (another)
            lki_buf_append(buf, "; ", 2);
        lki_buf_append(buf, cookie->text, cookie->name_len);
        lki_buf_char(buf, '=');
        lki_buf_append(buf, value_of(cookie), cookie->value_len);
        another = true;
    }
}

const char *lki_cookies_value(const struct lki_cookies *cookies, const char *name, size_t *len)
{
    size_t name_len = strlen(name);

    for (const struct lki_cookie *cookie = cookies->first; cookie; cookie = cookie->next) {
        if (cookie->chosen == cookies->turn && cookie->name_len == name_len &&
            !memcmp(cookie->text, name, name_len)) {
            *len = cookie->value_len;
            return value_of(cookie);
        }
    }
    return NULL;
}
