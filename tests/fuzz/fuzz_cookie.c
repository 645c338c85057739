/*
 * Any bytes as Set-Cookie fields, one a line, from several hosts in turn. What is kept is well
 * formed, goes only where it belongs, and is never more than may be kept; what goes out could be
 * said again.
 */
#include <stdio.h>

#include "client/cookies.h"
#include "client/set_cookie.h"
#include "fuzz/fuzz.h"

#define NOW 1000000
#define OUT_MAX ((size_t)16 * 1024 * 1024)

static const struct lki_cookie_place places[] = {
    {"a.test", 6, "/", 1, false},           {"b.a.test", 8, "/x/y?z", 6, true},
    {"10.0.0.1", 8, "/x", 2, false},        {"localhost", 9, "/x/", 3, true},
    {"::1", 3, "/deep/er/page", 13, false},
};

#define PLACES (sizeof(places) / sizeof(places[0]))

static void must_lie_in(const char *part, size_t part_len, const char *text, size_t len)
{
    must(part >= text && part + part_len <= text + len);
    for (size_t i = 0; i < part_len; i++)
        must(((uint8_t)part[i] >= ' ' || part[i] == '\t') && part[i] != 0x7f);
}

static void parse(const char *text, size_t len)
{
    struct lki_set_cookie set;
    const char *why = NULL;

    if (lki_set_cookie_parse(&set, text, len, NOW, &why)) {
        must(why && *why);
        return;
    }
    must(!why && set.name_len > 0 && set.name_len + set.value_len <= 4096);
    must_lie_in(set.name, set.name_len, text, len);
    must_lie_in(set.value, set.value_len, text, len);
    must(!memchr(set.name, '=', set.name_len) && !memchr(set.value, ';', set.value_len));
    if (set.domain)
        must_lie_in(set.domain, set.domain_len, text, len);
    if (set.path) {
        must_lie_in(set.path, set.path_len, text, len);
        must(set.path_len > 0 && *set.path == '/');
    }
}

static void date(const char *text, size_t len)
{
    int64_t seconds = 4711;

    if (!lki_cookie_date(text, len, &seconds))
        must(seconds == 4711);
    else /* of 1601 to 9999 */
        must(seconds >= -INT64_C(11644473600) && seconds < INT64_C(253402300800));
}

/* What goes out, cookie by cookie, is a field that sets it. */
static void say_again(struct lki_cookies *cookies, const struct lki_cookie_place *place)
{
    struct lki_buf buf;
    size_t at = 0;

    lki_buf_init(&buf, OUT_MAX);
    if (!lki_cookies_choose(cookies, place, NOW)) {
        lki_cookies_write(cookies, &buf);
        must(!buf.len);
        return;
    }
    lki_cookies_write(cookies, &buf);
    must(!buf.err && buf.len > 0);
    while (at < buf.len) {
        char *next = memchr(buf.data + at, ';', buf.len - at);
        size_t len = next ? (size_t)(next - buf.data) - at : buf.len - at;
        struct lki_set_cookie set;
        const char *why;

        must(!lki_set_cookie_parse(&set, buf.data + at, len, NOW, &why));
        must(set.name == buf.data + at);
        at += len + (next ? 2 : 0);
    }
    lki_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lki_cookies cookies = {0};
    const uint8_t *end = data + size;

    for (size_t i = 0; data < end; i++) {
        const uint8_t *stop = memchr(data, '\n', (size_t)(end - data));
        size_t len = (size_t)((stop ? stop : end) - data);
        char *text = exact(data, len);
        const char *why = NULL;
        enum lk_err err = lki_cookies_take(&cookies, &places[i % PLACES], text, len, NOW, &why);

        must(err == LK_OK || (err == LK_E_FORMAT && why && *why));
        must(cookies.count <= PLACES * 4 * LKI_COOKIES_OF_DOMAIN_MAX);
        parse(text, len);
        date(text, len);
        free(text);
        data += len + (stop != NULL);
    }
    for (size_t i = 0; i < PLACES; i++)
        say_again(&cookies, &places[i]);
    lki_cookies_clear(&cookies);
    must(!cookies.count && !cookies.first);
    return 0;
}
