#include "base/json.h"

#include <string.h>

#include "base/json_lex.h"

/* One name or index of a path. */
struct segment {
    const char *text;
    size_t len;
    bool escaped;
    const char *next; /* NULL: it was the last */
};

/* May what follows a scalar follow it? At the end of the text a number, say, may have been cut off,
 * which does not matter only if nothing had to follow. */
static bool scalar_ends(const char *at, const char *end, unsigned depth)
{
    if (at == end)
        return depth == 0;
    return *at == ',' || *at == '}' || *at == ']' || lki_json_space_end(at, end) > at;
}

/* The value at at, which lies inside depth brackets. */
static enum lk_err value_read(const char *at, const char *end, unsigned depth,
                              struct lki_json_value *out)
{
    const char *after = NULL;
    enum lk_err err = LK_OK;

    if (at == end)
        return LK_E_FORMAT;
    if (*at == '{' || *at == '[') {
        out->kind = *at == '{' ? LKI_JSON_OBJECT : LKI_JSON_ARRAY;
        err = lki_json_container_end(at, end, depth, &after);
    } else if (*at == '"') {
        out->kind = LKI_JSON_STRING;
        after = lki_json_quote_find(at + 1, end);
        after = after ? after + 1 : NULL;
    } else {
        after = lki_json_scalar_end(at, end, &out->kind);
        if (after && !scalar_ends(after, end, depth))
            after = NULL;
    }
    if (err)
        return err;
    if (!after)
        return LK_E_FORMAT;
    out->raw = at;
    out->len = (size_t)(after - at);
    return LK_OK;
}

/*
 * From behind a value, or behind the opening bracket when first, to the next element or key of the
 * container that close ends. LK_E_NOT_FOUND: it ended; *at is then behind it.
 */
static enum lk_err next_item(const char **at, const char *end, char close, bool first)
{
    const char *here = lki_json_space_end(*at, end);

    if (here == end)
        return LK_E_FORMAT;
    if (*here == close) {
        *at = here + 1;
        return LK_E_NOT_FOUND;
    }
    if (!first) {
        if (*here != ',')
            return LK_E_FORMAT;
        here = lki_json_space_end(here + 1, end);
    }
    *at = here;
    return LK_OK;
}

static struct segment segment_read(const char *path)
{
    struct segment segment = {.text = path};
    const char *at = path;

    for (; *at && *at != '.'; at++)
        if (*at == '\\' && at[1]) {
            segment.escaped = true;
            at++;
        }
    segment.len = (size_t)(at - path);
    segment.next = *at ? at + 1 : NULL;
    return segment;
}

/* key_is, when there are backslashes in the key, the name or both. */
static bool key_is_escaped(const char *key, const char *quote, const struct segment *segment)
{
    const char *name = segment->text;
    const char *name_end = name + segment->len;

    while (key < quote) {
        char bytes[4] = {*key};
        size_t len = 1;

        if (*key == '\\')
            len = lki_json_unescape(&key, quote, bytes);
        else
            key++;
        if (!len)
            return false;
        for (size_t i = 0; i < len; i++, name++) {
            if (name_end - name > 1 && *name == '\\')
                name++;
            if (name == name_end || *name != bytes[i])
                return false;
        }
    }
    return name == name_end;
}

/* Is the key whose content is [key, quote) the segment's name? An escape is longer than what it
 * stands for. */
static inline bool key_is(const char *key, const char *quote, const struct segment *segment)
{
    size_t len = (size_t)(quote - key);

    if (!segment->escaped) {
        if (len <= segment->len)
            return len == segment->len && !memcmp(key, segment->text, len);
        if (!memchr(key, '\\', len))
            return false;
    }
    return key_is_escaped(key, quote, segment);
}

/* From a key at *at to its value; *quote ends the key. */
static enum lk_err key_read(const char **at, const char *end, const char **quote)
{
    const char *here = *at;

    if (here == end || *here != '"')
        return LK_E_FORMAT;
    *quote = lki_json_quote_find(here + 1, end);
    if (!*quote)
        return LK_E_FORMAT;
    here = lki_json_space_end(*quote + 1, end);
    if (here == end || *here != ':')
        return LK_E_FORMAT;
    *at = lki_json_space_end(here + 1, end);
    return LK_OK;
}

/* *at goes from the opening brace, which lies inside depth brackets, to the value of the member. */
static enum lk_err member_find(const char **at, const char *end, unsigned depth,
                               const struct segment *segment)
{
    struct lki_json_value value;

    ++*at;
    for (bool first = true;; first = false) {
        enum lk_err err = next_item(at, end, '}', first);
        const char *key = *at + 1;
        const char *quote;

        if (!err)
            err = key_read(at, end, &quote);
        if (err)
            return err;
        if (key_is(key, quote, segment))
            return LK_OK;
        err = value_read(*at, end, depth + 1, &value);
        if (err)
            return err;
        *at = value.raw + value.len;
    }
}

/* The same for an element of an array. */
static enum lk_err element_find(const char **at, const char *end, unsigned depth,
                                const struct segment *segment)
{
    struct lki_json_value value;
    uint64_t index = 0;

    if (!segment->len || segment->len > 18)
        return LK_E_NOT_FOUND;
    for (size_t i = 0; i < segment->len; i++) {
        if (segment->text[i] < '0' || segment->text[i] > '9')
            return LK_E_NOT_FOUND;
        index = index * 10 + (uint64_t)(segment->text[i] - '0');
    }
    ++*at;
    for (bool first = true;; first = false) {
        enum lk_err err = next_item(at, end, ']', first);

        if (err || !index--)
            return err;
        err = value_read(*at, end, depth + 1, &value);
        if (err)
            return err;
        *at = value.raw + value.len;
    }
}

/* One step down the path, from the value at *at. */
static enum lk_err segment_find(const char **at, const char *end, unsigned depth,
                                const struct segment *segment)
{
    struct lki_json_value value;
    enum lk_err err;

    if (*at == end)
        return LK_E_FORMAT;
    if (**at != '{' && **at != '[') {
        err = value_read(*at, end, depth, &value);
        return err ? err : LK_E_NOT_FOUND;
    }
    if (depth == LKI_JSON_DEPTH)
        return LK_E_LIMIT;
    return **at == '{' ? member_find(at, end, depth, segment)
                       : element_find(at, end, depth, segment);
}

/* Goes the path down as far as until, or to its end if that is NULL. */
static enum lk_err find(const char *text, size_t len, const char *path, const char *until,
                        struct lki_json_value *out)
{
    const char *end = text + len;
    const char *at = lki_json_space_end(text, end);
    struct lki_json_value value;
    unsigned depth = 0;
    enum lk_err err = LK_OK;

    for (const char *from = *path ? path : NULL; from && from != until && !err; depth++) {
        struct segment segment = segment_read(from);

        err = segment_find(&at, end, depth, &segment);
        from = segment.next;
    }
    if (!err)
        err = value_read(at, end, depth, &value);
    if (!err)
        *out = value;
    return err;
}

enum lk_err lki_json_find(const char *text, size_t len, const char *path,
                          struct lki_json_value *out)
{
    return find(text, len, path, NULL, out);
}

enum lk_err lki_json_find_parent(const char *text, size_t len, const char *path,
                                 struct lki_json_value *out, const char **last)
{
    struct segment segment = segment_read(path);

    while (segment.next)
        segment = segment_read(segment.next);
    *last = segment.text;
    return find(text, len, path, segment.text, out);
}

enum lk_err lki_json_count(const struct lki_json_value *value, size_t *out)
{
    bool object = value->kind == LKI_JSON_OBJECT;
    const char *end = value->raw + value->len;
    const char *at = value->raw + 1;
    enum lk_err err = LK_OK;
    size_t count = 0;

    if (!object && value->kind != LKI_JSON_ARRAY)
        return LK_E_ARG;
    for (;; count++) {
        struct lki_json_value item;
        const char *quote;

        err = next_item(&at, end, object ? '}' : ']', count == 0);
        if (!err && object)
            err = key_read(&at, end, &quote);
        if (!err)
            err = value_read(at, end, 1, &item);
        if (err)
            break;
        at = item.raw + item.len;
    }
    if (err != LK_E_NOT_FOUND)
        return err;
    *out = count;
    return LK_OK;
}
