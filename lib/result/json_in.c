#include "result/json_in.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/values.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/json_lex.h"
#include "base/mem.h"
#include "result/fill.h"

/* Where a container is being gone through. */
struct cursor {
    const char *at;
    const char *end;
};

void lki_in_refuse(struct lki_json_in *in, enum lk_err err, const char *fmt, ...)
{
    va_list args;

    if (in->err)
        return;
    in->err = err;
    if (in->path_len)
        lki_buf_printf(in->why, "%s: ", in->path);
    va_start(args, fmt);
    lki_buf_vprintf(in->why, fmt, args);
    va_end(args);
}

/* ---- the path */

/* What is too long for the path is cut off: it only serves people. */
static size_t path_push(struct lki_json_in *in, const char *key, size_t len)
{
    size_t before = in->path_len;
    size_t room = sizeof(in->path) - 1 - before;

    if (before && room) {
        in->path[in->path_len++] = '.';
        room--;
    }
    len = lki_min(len, room);
    for (size_t i = 0; i < len; i++)
        in->path[in->path_len++] = (char)(key[i] >= ' ' && key[i] < 0x7f ? key[i] : '?');
    in->path[in->path_len] = '\0';
    return before;
}

static void path_pop(struct lki_json_in *in, size_t before)
{
    in->path_len = before;
    in->path[before] = '\0';
}

/* ---- containers */

bool lki_in_is(struct lki_json_in *in, const struct lki_json_value *value, enum lki_json_kind kind,
               const char *what)
{
    if (value->kind != kind)
        lki_in_refuse(in, LK_E_FORMAT, "%s was expected here", what);
    return value->kind == kind;
}

static struct cursor cursor_in(const struct lki_json_value *value)
{
    return (struct cursor){value->raw + 1, value->raw + value->len - 1};
}

/* To the next value, or key; false: there is none. The text has been checked, so that what stands
 * between two of them is a comma. */
static bool next(struct cursor *cursor)
{
    cursor->at = lki_json_space_end(cursor->at, cursor->end);
    if (cursor->at < cursor->end && *cursor->at == ',')
        cursor->at = lki_json_space_end(cursor->at + 1, cursor->end);
    return cursor->at < cursor->end;
}

/* What is nested too deeply was refused when the text was checked. */
static bool take(struct cursor *cursor, struct lki_json_value *value)
{
    if (lki_json_find(cursor->at, (size_t)(cursor->end - cursor->at), "", value))
        return false;
    cursor->at = value->raw + value->len;
    return true;
}

static bool take_member(struct cursor *cursor, struct lki_json_value *key,
                        struct lki_json_value *value)
{
    const char *quote = lki_json_quote_find(cursor->at + 1, cursor->end);

    if (!quote)
        return false;
    *key = (struct lki_json_value){LKI_JSON_STRING, cursor->at, (size_t)(quote + 1 - cursor->at)};
    cursor->at = lki_json_space_end(quote + 1, cursor->end);
    cursor->at = lki_json_space_end(cursor->at + 1, cursor->end);
    return take(cursor, value);
}

/* Ours are written without escapes. */
static size_t member_find(const struct lki_in_member *members, size_t count,
                          const struct lki_json_value *key)
{
    size_t i = 0;

    while (i < count && (strlen(members[i].key) != key->len - 2 ||
                         memcmp(members[i].key, key->raw + 1, key->len - 2) != 0))
        i++;
    return i;
}

void lki_in_object(struct lki_json_in *in, const struct lki_json_value *value,
                   const struct lki_in_member *members, size_t count, void *base)
{
    struct cursor cursor = cursor_in(value);
    struct lki_json_value key;
    struct lki_json_value item;
    uint64_t seen = 0;

    if (in->err || !lki_in_is(in, value, LKI_JSON_OBJECT, "an object"))
        return;
    while (!in->err && next(&cursor) && take_member(&cursor, &key, &item)) {
        size_t i = member_find(members, count, &key);
        size_t before;

        if (i == count)
            continue;
        seen |= UINT64_C(1) << i;
        before = path_push(in, members[i].key, strlen(members[i].key));
        members[i].read(in, &item, (char *)base + members[i].offset);
        path_pop(in, before);
    }
    for (size_t i = 0; i < count && !in->err; i++) {
        if (!members[i].optional && !(seen >> i & 1))
            lki_in_refuse(in, LK_E_FORMAT, "there is no \"%s\"", members[i].key);
    }
}

void lki_in_array(struct lki_json_in *in, const struct lki_json_value *value, size_t max,
                  size_t bytes, lki_in_fn *read, void *list, size_t *count)
{
    struct cursor cursor = cursor_in(value);
    struct lki_json_value item;
    size_t len;
    char *all;

    if (in->err || !lki_in_is(in, value, LKI_JSON_ARRAY, "an array") || lki_json_count(value, &len))
        return;
    if (len > max) {
        lki_in_refuse(in, LK_E_LIMIT, "more than %zu are no result", max);
        return;
    }
    all = lki_result_take(in->result, len, bytes);
    if (!all) {
        lki_in_refuse(in, LK_E_NOMEM, "%s", lk_strerror(LK_E_NOMEM));
        return;
    }
    memcpy(list, &(void *){all}, sizeof(void *));
    *count = len;
    for (size_t i = 0; i < len && !in->err && next(&cursor) && take(&cursor, &item); i++) {
        char index[24];
        size_t before;

        snprintf(index, sizeof(index), "%zu", i);
        before = path_push(in, index, strlen(index));
        read(in, &item, all + i * bytes);
        path_pop(in, before);
    }
}

void lki_in_each(struct lki_json_in *in, const struct lki_json_value *value, lki_in_fn *read,
                 void *place)
{
    struct cursor cursor = cursor_in(value);
    struct lki_json_value key;
    struct lki_json_value item;

    if (in->err || !lki_in_is(in, value, LKI_JSON_OBJECT, "an object"))
        return;
    while (!in->err && next(&cursor) && take_member(&cursor, &key, &item)) {
        size_t before = path_push(in, key.raw + 1, key.len - 2);

        in->key = key;
        read(in, &item, place);
        path_pop(in, before);
    }
}

/* ---- values */

static bool is_null(const struct lki_json_value *value)
{
    return value->kind == LKI_JSON_NULL;
}

void lki_in_u64(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    uint64_t number;
    bool negative;

    if (!lki_in_is(in, value, LKI_JSON_NUMBER, "a number"))
        return;
    if (lki_decimal_int(value->raw, value->len, &number, &negative) || (negative && number))
        lki_in_refuse(in, LK_E_FORMAT, "a whole number from 0 to %" PRIu64 " was expected here",
                      UINT64_MAX);
    else
        *(uint64_t *)place = number;
}

void lki_in_u32(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    uint64_t number = 0;

    lki_in_u64(in, value, &number);
    if (number > UINT32_MAX)
        lki_in_refuse(in, LK_E_FORMAT, "a whole number from 0 to %u was expected here",
                      (unsigned)UINT32_MAX);
    else
        *(uint32_t *)place = (uint32_t)number;
}

void lki_in_bool(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    if (lki_in_is(in, value, LKI_JSON_BOOL, "true or false"))
        lki_json_bool(value, place);
}

void lki_in_double(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    if (is_null(value) || !lki_in_is(in, value, LKI_JSON_NUMBER, "a number"))
        return;
    if (lki_json_double(value, place))
        lki_in_refuse(in, LK_E_FORMAT, "the number is too large");
}

/* Digits, a point, and at most `decimals` digits more: as integer without the point. Anything else
 * is left to a double. */
static bool exact_read(const struct lki_json_value *value, unsigned decimals, int64_t *out)
{
    const char *at = value->raw + (*value->raw == '-');
    const char *end = value->raw + value->len;
    int64_t number = 0;
    bool point = false;

    for (; at < end || decimals; at += at < end) {
        char c = at < end ? *at : '0';

        if (c == '.') {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || (point && !decimals))
            return false;
        decimals -= point || at == end;
        if (__builtin_mul_overflow(number, INT64_C(10), &number) ||
            __builtin_add_overflow(number, c - '0', &number))
            return false;
    }
    *out = *value->raw == '-' ? -number : number;
    return true;
}

static void time_read(struct lki_json_in *in, const struct lki_json_value *value, unsigned decimals,
                      double scale, int64_t *place)
{
    double number;

    if (!lki_in_is(in, value, LKI_JSON_NUMBER, "a number") || exact_read(value, decimals, place))
        return;
    if (lki_json_double(value, &number) || !(fabs(number * scale) < 9.2e18))
        lki_in_refuse(in, LK_E_FORMAT, "no time is so long");
    else
        *place = (int64_t)llround(number * scale);
}

void lki_in_seconds(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    time_read(in, value, 9, 1e9, place);
}

void lki_in_ms(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    if (!is_null(value))
        time_read(in, value, 6, 1e6, place);
}

void lki_in_text(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    size_t len;
    char *text;

    if (is_null(value) || !lki_in_is(in, value, LKI_JSON_STRING, "a string"))
        return;
    text = lki_arena_alloc(&in->result->arena, value->len);
    if (!text)
        lki_in_refuse(in, LK_E_NOMEM, "%s", lk_strerror(LK_E_NOMEM));
    else if (lki_json_string(value, text, &len))
        lki_in_refuse(in, LK_E_FORMAT, "the string is broken");
    else
        *(const char **)place = text;
}

const char *lki_in_key(struct lki_json_in *in)
{
    const char *key = "";

    lki_in_text(in, &in->key, &key);
    return key;
}

/* Whole numbers as whole ones, which is how they were written. */
static void number_read(struct lki_json_in *in, const struct lki_json_value *value,
                        struct lk_value *out)
{
    uint64_t natural;
    bool negative = false;
    bool whole = !lki_decimal_int(value->raw, value->len, &natural, &negative);

    if (whole && !negative) {
        out->kind = LK_VALUE_UINT;
        out->as.natural = natural;
    } else if (whole && natural && natural <= (uint64_t)INT64_MAX) {
        out->kind = LK_VALUE_INT;
        out->as.integer = -(int64_t)natural;
    } else {
        out->kind = LK_VALUE_DOUBLE;
        lki_in_double(in, value, &out->as.number);
    }
}

void lki_in_scalar(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lk_value *out = place;

    switch (value->kind) {
    case LKI_JSON_NULL:
        out->kind = LK_VALUE_NULL;
        break;
    case LKI_JSON_BOOL:
        out->kind = LK_VALUE_BOOL;
        lki_in_bool(in, value, &out->as.truth);
        break;
    case LKI_JSON_NUMBER:
        number_read(in, value, out);
        break;
    case LKI_JSON_STRING:
        out->kind = LK_VALUE_STRING;
        out->as.string = "";
        lki_in_text(in, value, &out->as.string);
        break;
    default:
        lki_in_refuse(in, LK_E_FORMAT, "a number, string, true, false or null was expected here");
    }
}
