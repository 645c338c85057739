/*
 * Any bytes as a Location, seen from several pages. What comes out as a URL has no way back up in
 * its path, and leads to the same place when it is a Location itself.
 */
#include "client/redirect.h"
#include "fuzz/fuzz.h"

#define OUT_MAX ((size_t)16 * 1024 * 1024)

static const struct lki_redirect_base bases[] = {
    {LKI_URL_HTTP, "a", "/b/c/d;p?q"},
    {LKI_URL_HTTPS, "a.test:4433", "/"},
    {LKI_URL_HTTP, "[::1]:80", "/x/y/?/../z"},
};

static void must_be_clean(const struct lki_url *url)
{
    const char *query = url->target_len ? memchr(url->target, '?', url->target_len) : NULL;
    const char *end = query ? query : url->target + url->target_len;
    const char *at = url->target;

    while (at < end) {
        const char *stop = at + 1;

        while (stop < end && *stop != '/')
            stop++;
        must(!(stop - at == 2 && at[1] == '.'));
        must(!(stop - at == 3 && at[1] == '.' && at[2] == '.'));
        at = stop;
    }
}

static void resolve(const struct lki_redirect_base *base, const char *text, size_t len)
{
    struct lki_url parts;
    struct lki_buf once;
    struct lki_buf twice;

    lki_buf_init(&once, OUT_MAX);
    lki_buf_init(&twice, OUT_MAX);
    lki_redirect_resolve(base, text, len, &once);
    must(!once.err && once.len > 0 && !memchr(once.data, '#', once.len));
    must(!memchr(once.data, ' ', once.len) || lki_url_parse(&parts, once.data, once.len, NULL));
    if (!lki_url_parse(&parts, once.data, once.len, NULL)) {
        if (parts.authority != once.data || parts.target_len)
            must_be_clean(&parts);
        lki_redirect_resolve(base, once.data, once.len, &twice);
        must(twice.len == once.len && !memcmp(once.data, twice.data, once.len));
    }
    lki_buf_release(&once);
    lki_buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = exact(data, size);

    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
        resolve(&bases[i], text, size);
    free(text);
    return 0;
}
