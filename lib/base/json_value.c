/* JSON texts checked in full, and found values as C has them. */
#include "base/json.h"

#include <string.h>

#include "base/decimal.h"
#include "base/json_lex.h"

/* From a key to its value, or NULL. */
static const char *key_check(const char *at, const char *end)
{
    if (at == end || *at != '"')
        return NULL;
    at = lki_json_string_decode(at + 1, end, NULL, NULL);
    if (!at)
        return NULL;
    at = lki_json_space_end(at + 1, end);
    return at < end && *at == ':' ? lki_json_space_end(at + 1, end) : NULL;
}

/*
 * Reads what may stand where a value begins: brackets that open, with the key that follows a brace,
 * until a scalar or an empty container is complete. *at is then behind it; or where it is broken.
 */
static enum lk_err value_check(const char **at, const char *end, struct lki_json_nest *nest)
{
    const char *here = *at;
    enum lki_json_kind kind;

    while (here && here < end && (*here == '{' || *here == '[')) {
        char bracket = *here;
        enum lk_err err = lki_json_nest_push(nest, bracket);

        *at = here;
        if (err)
            return err;
        here = lki_json_space_end(here + 1, end);
        *at = here;
        if (here < end && lki_json_nest_pop(nest, *here)) {
            *at = here + 1;
            return LK_OK;
        }
        if (bracket == '{')
            here = key_check(here, end);
    }
    if (!here)
        return LK_E_FORMAT;
    *at = here;
    if (here == end)
        return LK_E_FORMAT;
    if (*here == '"') {
        here = lki_json_string_decode(here + 1, end, NULL, NULL);
        here = here ? here + 1 : NULL;
    } else {
        here = lki_json_scalar_end(here, end, &kind);
    }
    if (!here)
        return LK_E_FORMAT;
    *at = here;
    return LK_OK;
}

/* From behind a value past all brackets that close there to the next value, or, with none open any
 * more, to the end. False, with *at there, when something else stands somewhere. */
static bool value_next(const char **at, const char *end, struct lki_json_nest *nest)
{
    for (;; ++*at) {
        *at = lki_json_space_end(*at, end);
        if (!nest->depth)
            return *at == end;
        if (*at == end)
            return false;
        if (**at == ',') {
            const char *value;

            *at = lki_json_space_end(*at + 1, end);
            value = lki_json_nest_in_object(nest) ? key_check(*at, end) : *at;
            *at = value ? value : *at;
            return value;
        }
        if (!lki_json_nest_pop(nest, **at))
            return false;
    }
}

enum lk_err lki_json_check_at(const char *text, size_t len, size_t *broken)
{
    const char *end = text + len;
    const char *at = lki_json_space_end(text, end);
    struct lki_json_nest nest = {.depth = 0};
    enum lk_err err;

    do {
        err = value_check(&at, end, &nest);
        if (!err && !value_next(&at, end, &nest))
            err = LK_E_FORMAT;
    } while (!err && nest.depth);
    *broken = (size_t)(at - text);
    return err;
}

enum lk_err lki_json_check(const char *text, size_t len)
{
    size_t broken;

    return lki_json_check_at(text, len, &broken);
}

enum lk_err lki_json_int(const struct lki_json_value *value, int64_t *out)
{
    uint64_t magnitude;
    bool negative;
    enum lk_err err;

    if (value->kind != LKI_JSON_NUMBER)
        return LK_E_ARG;
    err = lki_decimal_int(value->raw, value->len, &magnitude, &negative);
    if (err)
        return err;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return LK_E_LIMIT;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return LK_OK;
}

enum lk_err lki_json_double(const struct lki_json_value *value, double *out)
{
    if (value->kind != LKI_JSON_NUMBER)
        return LK_E_ARG;
    return lki_decimal_double(value->raw, value->len, out);
}

enum lk_err lki_json_bool(const struct lki_json_value *value, bool *out)
{
    if (value->kind != LKI_JSON_BOOL)
        return LK_E_ARG;
    *out = value->raw[0] == 't';
    return LK_OK;
}

enum lk_err lki_json_string(const struct lki_json_value *value, char *out, size_t *len)
{
    const char *end = value->raw + value->len;
    size_t count;

    if (value->kind != LKI_JSON_STRING)
        return LK_E_ARG;
    if (!lki_json_string_decode(value->raw + 1, end, out, &count))
        return LK_E_FORMAT;
    out[count] = '\0';
    *len = count;
    return LK_OK;
}

enum lk_err lki_json_text(const struct lki_json_value *value, struct lki_buf *out)
{
    char *at = lki_buf_reserve(out, value->len);
    size_t len = value->len;
    enum lk_err err = at ? LK_OK : out->err;

    if (!err && value->kind == LKI_JSON_STRING)
        err = lki_json_string(value, at, &len);
    else if (!err)
        memcpy(at, value->raw, len);
    if (!err)
        out->len += len;
    return err;
}
