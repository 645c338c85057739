#include "client/json_same.h"

#include <string.h>

#include "base/json_walk.h"

/* The comparison in hand. The first difference, or the first error, ends it. */
struct compare {
    struct lki_arena *arena;
    unsigned depth;
    enum lk_err err;
};

static bool values_same(struct compare *compare, const struct lki_json_value *a,
                        const struct lki_json_value *b);

/* What has no escapes is written in one way only. */
static bool strings_same(struct compare *compare, const struct lki_json_value *a,
                         const struct lki_json_value *b)
{
    size_t len_a, len_b;
    char *text_a, *text_b;

    if (!memchr(a->raw, '\\', a->len) && !memchr(b->raw, '\\', b->len))
        return false;
    text_a = lki_arena_alloc(compare->arena, a->len);
    text_b = lki_arena_alloc(compare->arena, b->len);
    if (!text_a || !text_b)
        compare->err = LK_E_NOMEM;
    return !compare->err && !lki_json_string(a, text_a, &len_a) &&
           !lki_json_string(b, text_b, &len_b) && len_a == len_b && !memcmp(text_a, text_b, len_a);
}

/* Integers exactly, as far as 64 bits go. */
static bool numbers_same(const struct lki_json_value *a, const struct lki_json_value *b)
{
    int64_t integer_a, integer_b;
    double a_double, b_double;
    bool is_integer_a = !lki_json_int(a, &integer_a);
    bool is_integer_b = !lki_json_int(b, &integer_b);

    if (is_integer_a || is_integer_b)
        return is_integer_a && is_integer_b && integer_a == integer_b;
    return !lki_json_double(a, &a_double) && !lki_json_double(b, &b_double) && a_double == b_double;
}

static bool arrays_same(struct compare *compare, const struct lki_json_value *a,
                        const struct lki_json_value *b)
{
    struct lki_json_walk walk_a = lki_json_walk(a);
    struct lki_json_walk walk_b = lki_json_walk(b);
    struct lki_json_value value_a, value_b;

    while (lki_json_walk_element(&walk_a, &value_a)) {
        if (!lki_json_walk_element(&walk_b, &value_b) || !values_same(compare, &value_a, &value_b))
            return false;
    }
    return !lki_json_walk_element(&walk_b, &value_b);
}

/* The first of that name, as the getters have it. */
static bool member_find(struct compare *compare, const struct lki_json_value *object,
                        const struct lki_json_value *name, struct lki_json_value *value)
{
    struct lki_json_walk walk = lki_json_walk(object);
    struct lki_json_value key;

    while (lki_json_walk_member(&walk, &key, value)) {
        if (values_same(compare, &key, name))
            return true;
    }
    return false;
}

static bool objects_same(struct compare *compare, const struct lki_json_value *a,
                         const struct lki_json_value *b)
{
    struct lki_json_walk walk = lki_json_walk(a);
    struct lki_json_value name, value_a, value_b;
    size_t count_a = 0;
    size_t count_b = 0;

    if (lki_json_count(a, &count_a) || lki_json_count(b, &count_b) || count_a != count_b)
        return false;
    while (lki_json_walk_member(&walk, &name, &value_a)) {
        if (!member_find(compare, b, &name, &value_b) || !values_same(compare, &value_a, &value_b))
            return false;
    }
    return true;
}

static bool values_same(struct compare *compare, const struct lki_json_value *a,
                        const struct lki_json_value *b)
{
    bool same;

    if (compare->err || a->kind != b->kind)
        return false;
    if (a->len == b->len && !memcmp(a->raw, b->raw, a->len))
        return true;
    if (a->kind == LKI_JSON_STRING)
        return strings_same(compare, a, b);
    if (a->kind == LKI_JSON_NUMBER)
        return numbers_same(a, b);
    if (a->kind != LKI_JSON_ARRAY && a->kind != LKI_JSON_OBJECT)
        return false;
    if (compare->depth == LKI_JSON_SAME_DEPTH) {
        compare->err = LK_E_LIMIT;
        return false;
    }
    compare->depth++;
    same = a->kind == LKI_JSON_ARRAY ? arrays_same(compare, a, b) : objects_same(compare, a, b);
    compare->depth--;
    return same;
}

enum lk_err lki_json_same(struct lki_arena *arena, const struct lki_json_value *a,
                          const struct lki_json_value *b, bool *same)
{
    struct compare compare = {.arena = arena};

    *same = values_same(&compare, a, b);
    return compare.err;
}
