#include "web/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

/* One character of decoded text is one byte here: sequences are checked when all are there. */
static bool unescape(const char **at, const char *end, char plus, char *out)
{
    char c = *(*at)++;

    if (c == '%') {
        int high = end - *at >= 2 ? lki_hex_digit((*at)[0]) : -1;
        int low = high >= 0 ? lki_hex_digit((*at)[1]) : -1;

        if (low < 0)
            return false;
        *at += 2;
        c = (char)(high * 16 + low);
    } else if (c == plus) {
        c = ' ';
    }
    *out = c;
    return true;
}

static bool is_text(const char *at, const char *end)
{
    while (at < end) {
        size_t len = lki_utf8_len(at, end);

        if (!len || (uint8_t)*at < 0x20 || *at == 0x7f)
            return false;
        at += len;
    }
    return true;
}

const char *lki_web_decode(struct lki_arena *arena, const char *at, const char *end, char plus,
                           const char **why)
{
    char *text = lki_arena_alloc(arena, (size_t)(end - at) + 1);
    char *out = text;

    *why = NULL;
    while (text && at < end) {
        if (!unescape(&at, end, plus, out++)) {
            *why = "a % is followed by something else than two hexadecimal digits";
            return NULL;
        }
    }
    if (!text)
        return NULL;
    *out = '\0';
    if (!is_text(text, out)) {
        *why = "control characters and broken UTF-8 are not allowed, also as %XX";
        return NULL;
    }
    return text;
}

static bool is_dots(const char *segment)
{
    return !strcmp(segment, ".") || !strcmp(segment, "..");
}

static enum lk_err segment_add(struct lki_web_target *target, struct lki_arena *arena,
                               const char *at, const char *end, const char **why)
{
    const char *segment;

    if (at == end) {
        *why = "there is an empty segment in the path (//)";
        return LK_E_FORMAT;
    }
    if (target->segment_count == LKI_WEB_SEGMENTS_MAX)
        return LK_E_LIMIT;
    segment = lki_web_decode(arena, at, end, '\0', why);
    if (!segment)
        return *why ? LK_E_FORMAT : LK_E_NOMEM;
    if (is_dots(segment)) {
        *why = "there is a . or .. in the path";
        return LK_E_FORMAT;
    }
    target->segments[target->segment_count++] = segment;
    return LK_OK;
}

static enum lk_err path_parse(struct lki_web_target *target, struct lki_arena *arena,
                              const char *at, const char *end, const char **why)
{
    enum lk_err err = LK_OK;

    if (end - at == 1)
        return LK_OK;
    if (end[-1] == '/')
        end--;
    while (at < end && !err) {
        const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
        const char *to = slash ? slash : end;

        err = segment_add(target, arena, at + 1, to, why);
        at = to;
    }
    return err;
}

static enum lk_err path_join(struct lki_web_target *target, struct lki_arena *arena)
{
    const char *path = "";

    for (size_t i = 0; path && i < target->segment_count; i++)
        path = lki_arena_join(arena, path, '/', target->segments[i]);
    target->path = path && !*path ? "/" : path;
    return path ? LK_OK : LK_E_NOMEM;
}

static enum lk_err param_add(struct lki_web_target *target, struct lki_arena *arena, const char *at,
                             const char *end, const char **why)
{
    const char *equals = memchr(at, '=', (size_t)(end - at));
    struct lki_web_param param = {.value = ""};

    param.name = lki_web_decode(arena, at, equals ? equals : end, '+', why);
    if (param.name && equals)
        param.value = lki_web_decode(arena, equals + 1, end, '+', why);
    if (!param.name || !param.value)
        return *why ? LK_E_FORMAT : LK_E_NOMEM;
    target->params[target->param_count++] = param;
    return LK_OK;
}

static enum lk_err query_parse(struct lki_web_target *target, struct lki_arena *arena,
                               const char *at, const char *end, const char **why)
{
    enum lk_err err = LK_OK;

    target->params = lki_arena_alloc(arena, LKI_WEB_PARAMS_MAX * sizeof(*target->params));
    if (!target->params)
        return LK_E_NOMEM;
    while (at < end && !err) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        const char *to = amp ? amp : end;

        if (to > at && target->param_count == LKI_WEB_PARAMS_MAX) {
            *why = "there are too many parameters in the query";
            return LK_E_FORMAT;
        }
        if (to > at)
            err = param_add(target, arena, at, to, why);
        at = amp ? amp + 1 : end;
    }
    return err;
}

/* Bytes that a target cannot hold as they are, and a fragment, which is none of the server's. */
static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if ((uint8_t)*text <= ' ' || (uint8_t)*text >= 0x7f || *text == '#')
            return false;
    }
    return true;
}

enum lk_err lki_web_target_parse(struct lki_web_target *target, struct lki_arena *arena,
                                 const char *text, const char **why)
{
    const char *query = strchr(text, '?');
    const char *end = text + strlen(text);
    enum lk_err err;

    *target = (struct lki_web_target){.path = "/"};
    *why = NULL;
    if (*text != '/') {
        *why = "the target of a request begins with a slash here";
        return LK_E_FORMAT;
    }
    if (!is_plain(text)) {
        *why = "spaces, #, control characters and bytes beyond ASCII are written as %XX";
        return LK_E_FORMAT;
    }
    err = path_parse(target, arena, text, query ? query : end, why);
    if (!err)
        err = path_join(target, arena);
    if (!err && query)
        err = query_parse(target, arena, query + 1, end, why);
    return err;
}

const char *lki_web_target_param(const struct lki_web_target *target, const char *name)
{
    for (size_t i = 0; i < target->param_count; i++) {
        if (!strcmp(target->params[i].name, name))
            return target->params[i].value;
    }
    return NULL;
}
