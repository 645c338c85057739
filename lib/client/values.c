#include "client/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/vu.h"

#define EXCERPT_BYTES 24

/*
 * Strings that were read, by their place in the text. A binary tree: the order is that of places
 * multiplied by an odd number, which keeps them apart but mixes them, so that reading a text from
 * front to back does not make a list of it.
 */
struct lki_memo {
    struct lki_memo *sides[2];
    uint64_t key;
    enum lk_err err; /* what reading it gave */
    char string[];
};

/* A value on the heap, with all that belongs to it. */
struct owned {
    struct lk_json json;
    struct lki_arena arena;
    char text[];
};

/* ---- reading ---- */

static enum lk_err doc_find(const struct lki_doc *doc, const char *path,
                            struct lki_json_value *value)
{
    return lki_json_find(doc->text ? doc->text : "", doc->len, path, value);
}

static struct lki_memo *memo_new(struct lki_doc *doc, const struct lki_json_value *value,
                                 uint64_t key)
{
    struct lki_memo *memo = lki_arena_alloc(doc->arena, sizeof(*memo) + value->len);
    size_t len;

    if (!memo)
        return NULL;
    *memo = (struct lki_memo){.key = key};
    memo->err = lki_json_string(value, memo->string, &len);
    if (!memo->err && strlen(memo->string) != len)
        memo->err = LK_E_LIMIT;
    return memo;
}

/* LK_E_LIMIT: it has a NUL inside. */
static enum lk_err doc_str(struct lki_doc *doc, const char *path, const char **out)
{
    struct lki_memo **place = &doc->memo;
    struct lki_json_value value;
    enum lk_err err = doc_find(doc, path, &value);
    uint64_t key;

    if (err)
        return err;
    if (value.kind != LKI_JSON_STRING)
        return LK_E_ARG;
    key = (uint64_t)(value.raw - doc->text) * UINT64_C(0x9e3779b97f4a7c15);
    while (*place && (*place)->key != key)
        place = &(*place)->sides[key > (*place)->key];
    if (!*place)
        *place = memo_new(doc, &value, key);
    if (!*place)
        return LK_E_NOMEM;
    if (!(*place)->err)
        *out = (*place)->string;
    return (*place)->err;
}

/* LK_E_FORMAT: it has a fraction. */
static enum lk_err doc_int(struct lki_doc *doc, const char *path, long long *out)
{
    struct lki_json_value value;
    enum lk_err err = doc_find(doc, path, &value);
    int64_t number;

    if (err)
        return err;
    err = lki_json_int(&value, &number);
    if (!err)
        *out = number;
    return err == LK_E_ARG && value.kind == LKI_JSON_NUMBER ? LK_E_FORMAT : err;
}

static enum lk_err doc_double(struct lki_doc *doc, const char *path, double *out)
{
    struct lki_json_value value;
    enum lk_err err = doc_find(doc, path, &value);

    return err ? err : lki_json_double(&value, out);
}

static enum lk_err doc_bool(struct lki_doc *doc, const char *path, bool *out)
{
    struct lki_json_value value;
    enum lk_err err = doc_find(doc, path, &value);

    return err ? err : lki_json_bool(&value, out);
}

static enum lk_err doc_len(struct lki_doc *doc, const char *path, size_t *out)
{
    struct lki_json_value value;
    enum lk_err err = doc_find(doc, path, &value);

    return err ? err : lki_json_count(&value, out);
}

/* ---- failing ---- */

/* How much of a text can be shown. */
static int excerpt_len(const char *at, const char *end)
{
    int len = 0;

    while (len < EXCERPT_BYTES && at + len < end && at[len] >= ' ' && at[len] <= '~')
        len++;
    return len;
}

static void describe_broken(const struct lki_doc *doc, char out[LKI_FOUND_BYTES])
{
    const char *end = doc->text + doc->len;
    const char *at;
    size_t broken;

    lki_json_check_at(doc->text, doc->len, &broken);
    at = doc->text + broken;
    if (at == end)
        snprintf(out, LKI_FOUND_BYTES, "its JSON is broken: it ends at byte %zu", broken);
    else
        snprintf(out, LKI_FOUND_BYTES, "its JSON is broken at byte %zu: \"%.*s\"", broken,
                 excerpt_len(at, end), at);
}

void lki_doc_describe(const struct lki_doc *doc, char out[LKI_FOUND_BYTES])
{
    const char *at = doc->text ? doc->text : "";
    const char *end = at + doc->len;

    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    if (doc->discarded)
        snprintf(out, LKI_FOUND_BYTES, "it was discarded, as .discard_body says");
    else if (at == end)
        snprintf(out, LKI_FOUND_BYTES, "it is empty");
    else if (*at == '{' || *at == '[')
        describe_broken(doc, out);
    else
        snprintf(out, LKI_FOUND_BYTES, "it is not JSON, it begins with \"%.*s\"",
                 excerpt_len(at, end), at);
}

/* What is at path instead of what was wanted, when reading it gave err. */
static void describe_found(const struct lki_doc *doc, const char *path, enum lk_err err,
                           char out[LKI_FOUND_BYTES])
{
    static const char *const kinds[] = {
        [LKI_JSON_NULL] = "null",       [LKI_JSON_BOOL] = "a boolean",
        [LKI_JSON_NUMBER] = "a number", [LKI_JSON_STRING] = "a string",
        [LKI_JSON_ARRAY] = "an array",  [LKI_JSON_OBJECT] = "an object",
    };
    struct lki_json_value value;
    enum lk_err missing = doc_find(doc, path, &value);
    bool number = !missing && value.kind == LKI_JSON_NUMBER;
    const char *more = "";

    if (missing == LK_E_FORMAT) {
        lki_doc_describe(doc, out);
        return;
    }
    if (err == LK_E_LIMIT)
        more = missing ? "nested too deep" : number ? " that does not fit" : " with a NUL inside";
    else if (err == LK_E_FORMAT)
        more = number ? " with a fraction" : " that is malformed";
    if (missing)
        snprintf(out, LKI_FOUND_BYTES, "it is %s", *more ? more : "not there");
    else
        snprintf(out, LKI_FOUND_BYTES, "it is %s%s", kinds[value.kind], more);
}

lk_vu *lki_doc_reader(const struct lki_doc *doc)
{
    const struct lki_task *task = doc->loop ? doc->loop->current : NULL;

    if (task && task->entry)
        return ((const struct lki_unit *)task->owner)->vu;
    return doc->vu;
}

/* Ends the step; returns only when there is none. */
static void doc_fail(const struct lki_doc *doc, const char *path, const char *wanted,
                     enum lk_err err)
{
    const char *made = doc->loop                        ? "the data of the run"
                       : doc->text && *doc->text == '[' ? "an LK_ARRAY"
                                                        : "an LK_OBJECT";
    lk_vu *vu = lki_doc_reader(doc);
    char found[LKI_FOUND_BYTES];

    if (!vu)
        return;
    if (err == LK_E_NOMEM)
        lki_vu_nomem(vu);
    describe_found(doc, path, err, found);
    if (doc->sample)
        lki_vu_fail(vu, "no %s at \"%s\" in the answer to %s: %s", wanted, path, doc->sample,
                    found);
    if (doc->resource)
        lki_vu_fail(vu, "no %s at \"%s\" in resource %s: %s", wanted, path, doc->resource, found);
    lki_vu_fail(vu, "no %s at \"%s\" in %s: %s", wanted, path, made, found);
}

/* ---- the getters ---- */

/*
 * For lk_json and lk_response alike: the getter that fails, and the one that gives otherwise. Out
 * of memory is not a property of the text, and fails in both.
 */
#define GETTERS(from_type, doc_of, type, name, wanted, nothing)                                    \
    type from_type##_##name(const from_type *from, const char *path)                               \
    {                                                                                              \
        struct lki_doc *doc = doc_of(from, path, "lk_" #name);                                     \
        type value = nothing;                                                                      \
        enum lk_err err = doc_##name(doc, path, &value);                                           \
                                                                                                   \
        if (LKI_UNLIKELY(err))                                                                     \
            doc_fail(doc, path, wanted, err);                                                      \
        return value;                                                                              \
    }                                                                                              \
                                                                                                   \
    type from_type##_##name##_or(const from_type *from, const char *path, type otherwise)          \
    {                                                                                              \
        struct lki_doc *doc = doc_of(from, path, "lk_" #name "_or");                               \
        type value = otherwise;                                                                    \
                                                                                                   \
        if (doc_##name(doc, path, &value) == LK_E_NOMEM)                                           \
            doc_fail(doc, path, wanted, LK_E_NOMEM);                                               \
        return value;                                                                              \
    }

#define ALL_GETTERS(from_type, doc_of)                                                             \
    GETTERS(from_type, doc_of, const char *, str, "string", "")                                    \
    GETTERS(from_type, doc_of, long long, int, "integer", 0)                                       \
    GETTERS(from_type, doc_of, double, double, "number", 0)                                        \
    GETTERS(from_type, doc_of, bool, bool, "boolean", false)                                       \
    GETTERS(from_type, doc_of, size_t, len, "array or object", 0)                                  \
                                                                                                   \
    bool from_type##_has(const from_type *from, const char *path)                                  \
    {                                                                                              \
        struct lki_json_value value;                                                               \
                                                                                                   \
        return !doc_find(doc_of(from, path, "lk_has"), path, &value);                              \
    }

/* To the author the value does not change: that strings are kept with it does not show. */
static struct lki_doc *json_doc(const lk_json *json, const char *path, const char *getter)
{
    lki_need(json, getter, "the value to read from");
    lki_need(path, getter, "the path");
    return (struct lki_doc *)(uintptr_t)&json->doc;
}

static struct lki_doc *response_doc(const lk_response *response, const char *path,
                                    const char *getter)
{
    lki_need(response, getter, "the response to read from");
    lki_need(path, getter, "the path");
    return lki_response_doc(response);
}

ALL_GETTERS(lk_json, json_doc)
ALL_GETTERS(lk_response, response_doc)

/* ---- writing ---- */

static void write_string(struct lki_buf *buf, const char *string)
{
    if (string)
        lki_json_write_string(buf, string, strlen(string));
    else
        lki_json_write_null(buf);
}

void lki_value_write(lk_vu *vu, struct lki_buf *buf, const struct lk_value *value)
{
    switch (value->kind) {
    case LK_VALUE_BOOL:
        lki_json_write_bool(buf, value->as.truth);
        return;
    case LK_VALUE_INT:
        lki_json_write_int(buf, value->as.integer);
        return;
    case LK_VALUE_UINT:
        lki_json_write_uint(buf, value->as.natural);
        return;
    case LK_VALUE_DOUBLE:
        lki_json_write_double(buf, value->as.number);
        return;
    case LK_VALUE_STRING:
        write_string(buf, value->as.string);
        return;
    case LK_VALUE_JSON:
        if (value->as.json)
            lki_buf_append(buf, value->as.json->doc.text, value->as.json->doc.len);
        else
            lki_json_write_null(buf);
        return;
    case LK_VALUE_POINTER:
        if (value->as.pointer)
            lki_vu_fail(vu, "a void pointer is no JSON value, unless it is NULL");
        lki_json_write_null(buf);
        return;
    case LK_VALUE_NULL:
        lki_json_write_null(buf);
        return;
    }
    lki_vu_fail(vu, "%d is no kind of JSON value", (int)value->kind);
}

lk_json *lki_json_new(lk_vu *vu, const struct lki_buf *buf)
{
    struct lki_arena *arena = lki_vu_arena(vu);
    lk_json *json;
    char *text;

    if (buf->err == LK_E_LIMIT)
        lki_vu_fail(vu, "a JSON value takes more than %zu bytes", buf->max);
    json = buf->err ? NULL : lki_arena_alloc(arena, sizeof(*json) + buf->len + 1);
    if (!json)
        lki_vu_nomem(vu);
    text = (char *)(json + 1);
    memcpy(text, buf->data, buf->len);
    text[buf->len] = '\0';
    *json = (struct lk_json){{.text = text, .len = buf->len, .arena = arena, .vu = vu}};
    return json;
}

lk_json *lk_object(lk_vu *vu, size_t count, const struct lk_member *members)
{
    struct lki_buf *buf = lki_vu_scratch(vu);

    if (count)
        lki_need(members, "lk_object", "the list of members");
    lki_buf_clear(buf);
    lki_buf_char(buf, '{');
    for (size_t i = 0; i < count; i++) {
        if (!members[i].key)
            lki_vu_fail(vu, "the key of member %zu of an object is NULL", i);
        if (i)
            lki_buf_char(buf, ',');
        lki_json_write_string(buf, members[i].key, strlen(members[i].key));
        lki_buf_char(buf, ':');
        lki_value_write(vu, buf, &members[i].value);
    }
    lki_buf_char(buf, '}');
    return lki_json_new(vu, buf);
}

lk_json *lk_array(lk_vu *vu, size_t count, const struct lk_value *values)
{
    struct lki_buf *buf = lki_vu_scratch(vu);

    if (count)
        lki_need(values, "lk_array", "the list of values");
    lki_buf_clear(buf);
    lki_buf_char(buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            lki_buf_char(buf, ',');
        lki_value_write(vu, buf, &values[i]);
    }
    lki_buf_char(buf, ']');
    return lki_json_new(vu, buf);
}

const char *lk_format(lk_vu *vu, const char *format, ...)
{
    char *text = NULL;
    enum lk_err err;
    va_list args;

    lki_need(format, "lk_format", "the format");
    va_start(args, format);
    err = lki_arena_vformat(lki_vu_arena(vu), &text, format, args);
    va_end(args);
    if (err == LK_E_FORMAT)
        lki_vu_fail(vu, "lk_format: the string cannot be formatted");
    if (err)
        lki_vu_nomem(vu);
    return text;
}

const char *lk_json_text(const lk_json *json)
{
    return json ? json->doc.text : "null";
}

/* ---- values that outlive the step ---- */

lk_json *lki_json_own(const char *text, size_t len, const char *resource)
{
    struct owned *owned = malloc(sizeof(*owned) + len + 1);

    if (!owned)
        return NULL;
    memcpy(owned->text, text, len);
    owned->text[len] = '\0';
    lki_arena_init(&owned->arena, NULL, 0);
    owned->json = (struct lk_json){{
        .text = owned->text,
        .len = len,
        .arena = &owned->arena,
        .resource = resource,
    }};
    return &owned->json;
}

void lki_json_free(lk_json *json)
{
    struct owned *owned;

    if (!json)
        return;
    owned = LKI_CONTAINER(json, struct owned, json);
    lki_arena_reset(&owned->arena);
    free(owned);
}
