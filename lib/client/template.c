#include "client/template.h"

#include <string.h>

#include "base/arena.h"

/* What stands for a name of so many bytes; NULL: nothing does. */
static const char *value_of(const char *const *params, const char *name, size_t len)
{
    for (size_t i = 0; params[i]; i += 2) {
        if (strlen(params[i]) == len && !memcmp(params[i], name, len))
            return params[i + 1];
    }
    return NULL;
}

/* A value for each place. */
static void places_fill(lk_vu *vu, const struct lki_outgoing *out, struct lki_buf *filled)
{
    const char *url = out->request->url;
    const char *at = out->label;
    const char *end = at + out->label_len;

    while (at < end) {
        const char *open = memchr(at, '{', (size_t)(end - at));
        const char *close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;
        const char *value;

        if (!open)
            break;
        if (!close)
            lki_vu_fail(vu, "%s %s: a { without its }", out->verb, url);
        value = value_of(out->request->params, open + 1, (size_t)(close - open - 1));
        if (!value)
            lki_vu_fail(vu, "%s %s: .params has no value for %.*s", out->verb, url,
                        (int)(close - open + 1), open);
        lki_buf_append(filled, at, (size_t)(open - at));
        lki_url_escape(filled, value);
        at = close + 1;
    }
    lki_buf_append(filled, at, (size_t)(end - at));
}

/* Whether the label has a place of that name. */
static bool has_place(const struct lki_outgoing *out, const char *name)
{
    const char *at = out->label;
    const char *end = at + out->label_len;
    size_t len = strlen(name);

    while ((at = memchr(at, '{', (size_t)(end - at)))) {
        at++;
        if ((size_t)(end - at) > len && !memcmp(at, name, len) && at[len] == '}')
            return true;
    }
    return false;
}

void lki_template_fill(lk_vu *vu, struct lki_outgoing *out)
{
    const char *const *params = out->request->params;
    struct lki_buf *filled = lki_vu_scratch(vu);

    out->label = out->target;
    out->label_len = out->target_len;
    for (size_t i = 0; params[i]; i += 2) {
        if (!has_place(out, params[i]))
            lki_vu_fail(vu, "%s %s: .params has \"%s\", for which there is no {%s} in the URL",
                        out->verb, out->request->url, params[i], params[i]);
    }
    lki_buf_clear(filled);
    places_fill(vu, out, filled);
    out->target = filled->err ? NULL : lki_arena_copy(lki_vu_arena(vu), filled->data, filled->len);
    if (!out->target)
        lki_vu_nomem(vu);
    out->target_len = filled->len;
}
