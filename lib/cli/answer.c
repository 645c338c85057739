#include "cli/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/layout.h"

bool lki_answer_find(const struct lki_json_value *whole, const char *path,
                     struct lki_json_value *value)
{
    return !lki_json_find(whole->raw, whole->len, path, value) && value->kind != LKI_JSON_NULL;
}

uint64_t lki_answer_count(const struct lki_json_value *whole, const char *path)
{
    struct lki_json_value value;
    int64_t count;

    if (!lki_answer_find(whole, path, &value) || lki_json_int(&value, &count) || count < 0)
        return 0;
    return (uint64_t)count;
}

double lki_answer_number(const struct lki_json_value *whole, const char *path)
{
    struct lki_json_value value;
    double number;

    if (!lki_answer_find(whole, path, &value) || lki_json_double(&value, &number))
        return NAN;
    return number;
}

bool lki_answer_bool(const struct lki_json_value *whole, const char *path)
{
    struct lki_json_value value;
    bool yes;

    return lki_answer_find(whole, path, &value) && !lki_json_bool(&value, &yes) && yes;
}

static int64_t time_of(double number, double unit_ns)
{
    double ns = number * unit_ns;

    return ns > 0 && ns < 9e18 ? (int64_t)(ns + 0.5) : 0;
}

int64_t lki_answer_seconds(const struct lki_json_value *whole, const char *path)
{
    return time_of(lki_answer_number(whole, path), 1e9);
}

int64_t lki_answer_ms(const struct lki_json_value *whole, const char *path)
{
    return time_of(lki_answer_number(whole, path), 1e6);
}

void lki_answer_text(const struct lki_json_value *whole, const char *path, struct lki_buf *out)
{
    struct lki_json_value value;
    struct lki_buf text;
    const char *plain;

    if (!lki_answer_find(whole, path, &value))
        return;
    lki_buf_init(&text, value.len + 1);
    lki_json_text(&value, &text);
    plain = lki_buf_cstr(&text);
    if (plain)
        lki_buf_harmless(out, plain);
    else
        out->err = LK_E_NOMEM;
    lki_buf_release(&text);
}

void lki_answer_copy(const struct lki_json_value *whole, const char *path, char *out, size_t size)
{
    struct lki_buf text;

    lki_buf_init(&text, (size_t)1 << 20);
    lki_answer_text(whole, path, &text);
    snprintf(out, size, "%.*s",
             text.err ? 0 : (int)lki_text_cut(text.data ? text.data : "", text.len, size - 1),
             text.data ? text.data : "");
    lki_buf_release(&text);
}

bool lki_answer_is(const struct lki_json_value *whole, const char *path, const char *text)
{
    char copy[256];

    lki_answer_copy(whole, path, copy, sizeof(copy));
    return !strcmp(copy, text);
}

struct lki_json_walk lki_answer_list(const struct lki_json_value *whole, const char *path)
{
    struct lki_json_value value;

    if (!lki_answer_find(whole, path, &value) || value.kind != LKI_JSON_ARRAY)
        return (struct lki_json_walk){whole->raw, whole->raw};
    return lki_json_walk(&value);
}
