/*
 * JSON checked, searched and written. Texts stand in blocks of exactly their size, so that a
 * sanitizer sees the reader look one byte too far.
 */
#include "base/json.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

#define BIG_BYTES ((size_t)10 * 1024 * 1024)
#define TEXT(text) .bytes = (text), .len = sizeof(text) - 1

static char *exact(const char *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    return copy;
}

/* ---- checking ---- */

static const struct {
    const char *bytes;
    size_t len;
} right[] = {
    {TEXT("null")},
    {TEXT(" true\n")},
    {TEXT("\t-12.5e+3\r\n")},
    {TEXT("\"\"")},
    {TEXT("{}")},
    {TEXT("[ ]")},
    {TEXT("[1,2 , 3]")},
    {TEXT("{\"a\":1,\"a\":{\"b\":[[],{}]},\"\":null}")},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\"")},
    {TEXT("\"\\ud83d\\ude00\"")},
    {TEXT("\"\x7f \xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"")},
    {TEXT("\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"")},
    {TEXT("\"a string that is longer than a machine word, or two\"")},
};

static const struct {
    const char *bytes;
    size_t len;
} wrong[] = {
    {TEXT("")},
    {TEXT("  ")},
    {TEXT("nul")},
    {TEXT("nulls")},
    {TEXT("True")},
    {TEXT("NaN")},
    {TEXT("-Infinity")},
    {TEXT("01")},
    {TEXT("1.")},
    {TEXT("+1")},
    {TEXT("1 2")},
    {TEXT("{}{}")},
    {TEXT("[")},
    {TEXT("[1")},
    {TEXT("[1,")},
    {TEXT("[1,]")},
    {TEXT("[,1]")},
    {TEXT("[1 2]")},
    {TEXT("[1}")},
    {TEXT("]")},
    {TEXT("[]]")},
    {TEXT("{\"a\"}")},
    {TEXT("{\"a\":}")},
    {TEXT("{\"a\":1,}")},
    {TEXT("{\"a\":1]")},
    {TEXT("{\"a\" 1}")},
    {TEXT("{a:1}")},
    {TEXT("{1:1}")},
    {TEXT("{\"a\":1 \"b\":2}")},
    {TEXT("\"")},
    {TEXT("\"abc")},
    {TEXT("\"abc\\\"")},
    {TEXT("'a'")},
    {TEXT("\"\\x\"")},
    {TEXT("\"\\u12g4\"")},
    {TEXT("\"\\u123\"")},
    {TEXT("\"\\u 123\"")},
    {TEXT("\"a\nb\"")},
    {TEXT("\"a\0b\"")},
    {TEXT("\"a string with a control character \x1f near its end\"")},
    {TEXT("1\0")},
    /* lone surrogates: high, low, high before something else, the wrong way round */
    {TEXT("\"\\ud800\"")},
    {TEXT("\"\\udc00\"")},
    {TEXT("\"\\ud800x\"")},
    {TEXT("\"\\ud800\\n\"")},
    {TEXT("\"\\ud800\\u0041\"")},
    {TEXT("\"\\udc00\\ud800\"")},
    /* broken UTF-8: a tail alone, cut off, overlong, a surrogate, beyond the end, never valid */
    {TEXT("\"\x80\"")},
    {TEXT("\"\xc3\"")},
    {TEXT("\"\xe2\x82\"")},
    {TEXT("\"\xf0\x9f\x98\"")},
    {TEXT("\"\xc0\xaf\"")},
    {TEXT("\"\xe0\x9f\xbf\"")},
    {TEXT("\"\xf0\x8f\xbf\xbf\"")},
    {TEXT("\"\xed\xa0\x80\"")},
    {TEXT("\"\xf4\x90\x80\x80\"")},
    {TEXT("\"\xf5\x80\x80\x80\"")},
    {TEXT("\"\xff\"")},
    {TEXT("\"\xe9t\xe9\"")},
    {TEXT("\xef\xbb\xbf{}")},
};

START_TEST(json_is_accepted)
{
    char *text = exact(right[_i].bytes, right[_i].len);

    ck_assert_int_eq(lki_json_check(text, right[_i].len), LK_OK);
    free(text);
}
END_TEST

START_TEST(what_is_not_json_is_refused)
{
    char *text = exact(wrong[_i].bytes, wrong[_i].len);

    ck_assert_int_eq(lki_json_check(text, wrong[_i].len), LK_E_FORMAT);
    free(text);
}
END_TEST

static void fill(char *text, const char *unit, size_t count)
{
    size_t len = strlen(unit);

    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, unit, len);
}

static const struct {
    const char *open;
    const char *close;
} brackets[] = {{"[", "]"}, {"{\"a\":", "}"}};

/* count brackets of a kind around a 1. */
static char *nested(int kind, size_t count, size_t *len)
{
    size_t open = strlen(brackets[kind].open);
    char *text = malloc(count * (open + 1) + 1);

    ck_assert_ptr_nonnull(text);
    fill(text, brackets[kind].open, count);
    text[count * open] = '1';
    fill(text + count * open + 1, brackets[kind].close, count);
    *len = count * (open + 1) + 1;
    return text;
}

START_TEST(nesting_has_a_limit)
{
    struct lki_json_value value;
    size_t len;
    char *text = nested(_i, LKI_JSON_DEPTH, &len);

    ck_assert_int_eq(lki_json_check(text, len), LK_OK);
    ck_assert_int_eq(lki_json_find(text, len, "", &value), LK_OK);
    ck_assert_uint_eq(value.len, len);
    free(text);
    text = nested(_i, LKI_JSON_DEPTH + 1, &len);
    ck_assert_int_eq(lki_json_check(text, len), LK_E_LIMIT);
    ck_assert_int_eq(lki_json_find(text, len, "", &value), LK_E_LIMIT);
    free(text);
}
END_TEST

START_TEST(a_million_brackets_are_refused_without_a_stack_for_them)
{
    struct lki_json_value value;
    size_t len;
    char *text = nested(_i, 1000000, &len);

    ck_assert_int_eq(lki_json_check(text, len), LK_E_LIMIT);
    ck_assert_int_eq(lki_json_find(text, len, "", &value), LK_E_LIMIT);
    free(text);
}
END_TEST

START_TEST(a_path_may_go_as_deep_as_the_nesting)
{
    char path[2 * (LKI_JSON_DEPTH + 1)];
    struct lki_json_value value;
    size_t len;
    char *text = nested(_i, LKI_JSON_DEPTH, &len);

    fill(path, _i ? "a." : "0.", LKI_JSON_DEPTH);
    path[2 * LKI_JSON_DEPTH - 1] = '\0';
    ck_assert_int_eq(lki_json_find(text, len, path, &value), LK_OK);
    ck_assert_int_eq(value.kind, LKI_JSON_NUMBER);
    free(text);
    text = nested(_i, LKI_JSON_DEPTH + 1, &len);
    fill(path, _i ? "a." : "0.", LKI_JSON_DEPTH + 1);
    path[2 * LKI_JSON_DEPTH + 1] = '\0';
    ck_assert_int_eq(lki_json_find(text, len, path, &value), LK_E_LIMIT);
    free(text);
}
END_TEST

/* ---- finding ---- */

#define SHOP                                                                                       \
    "{ \"token\" : \"abc\", \"items\": [ {\"id\": 7, \"tags\": [\"a\", \"]}\\\"\"]},\n"            \
    "  {\"id\": 8, \"tags\": [], \"more\": {\"id\": 1}}, null, true, [[1],[2, 3]] ],\n"            \
    "  \"items\": 5, \"a.b\": 1, \"a\": {\"b\": 2}, \"c\\\\d\": 3, \"\": 4, \"\\u0041\\n\": 5,\n"  \
    "  \"0\": 6, \"\xc3\xa9\": 7, \"last\": -1.5e3 }"

static const struct {
    const char *path;
    const char *raw; /* NULL: not found */
    enum lki_json_kind kind;
} finds[] = {
    {"token", "\"abc\"", LKI_JSON_STRING},
    {"items.0.id", "7", LKI_JSON_NUMBER},
    {"items.0.tags.1", "\"]}\\\"\"", LKI_JSON_STRING},
    {"items.1.more", "{\"id\": 1}", LKI_JSON_OBJECT},
    {"items.1.more.id", "1", LKI_JSON_NUMBER},
    {"items.1.tags", "[]", LKI_JSON_ARRAY},
    {"items.2", "null", LKI_JSON_NULL},
    {"items.3", "true", LKI_JSON_BOOL},
    {"items.4.1.1", "3", LKI_JSON_NUMBER},
    {"items.04.1.1", "3", LKI_JSON_NUMBER},
    {"a\\.b", "1", LKI_JSON_NUMBER},
    {"a.b", "2", LKI_JSON_NUMBER},
    {"c\\\\d", "3", LKI_JSON_NUMBER},
    {"c\\d", NULL, 0},
    {"A\n", "5", LKI_JSON_NUMBER},
    {"0", "6", LKI_JSON_NUMBER},
    {"\xc3\xa9", "7", LKI_JSON_NUMBER},
    {"last", "-1.5e3", LKI_JSON_NUMBER},
    {"tokens", NULL, 0},
    {"toke", NULL, 0},
    {"token.0", NULL, 0},
    {"token.", NULL, 0},
    {"last.x", NULL, 0},
    {"items.5", NULL, 0},
    {"items.4.2", NULL, 0},
    {"items.-1", NULL, 0},
    {"items.x", NULL, 0},
    {"items.", NULL, 0},
    {"items.99999999999999999999999999", NULL, 0},
    {"items.1.tags.0", NULL, 0},
    {"items.1.id.more.id", NULL, 0},
    {"a\\", NULL, 0},
    {".", NULL, 0},
    {"..", NULL, 0},
};

START_TEST(a_path_leads_to_its_value)
{
    char *text = exact(SHOP, sizeof(SHOP) - 1);
    struct lki_json_value value;
    enum lk_err err = lki_json_find(text, sizeof(SHOP) - 1, finds[_i].path, &value);

    ck_assert_int_eq(err, finds[_i].raw ? LK_OK : LK_E_NOT_FOUND);
    if (!err) {
        ck_assert_uint_eq(value.len, strlen(finds[_i].raw));
        ck_assert_mem_eq(value.raw, finds[_i].raw, value.len);
        ck_assert_int_eq(value.kind, finds[_i].kind);
    }
    free(text);
}
END_TEST

START_TEST(the_empty_path_is_the_whole)
{
    struct lki_json_value value;

    ck_assert_int_eq(lki_json_find(" [1, 2] ", 8, "", &value), LK_OK);
    ck_assert_int_eq(value.kind, LKI_JSON_ARRAY);
    ck_assert_uint_eq(value.len, 6);
    ck_assert_int_eq(lki_json_find(" 12", 3, "", &value), LK_OK);
    ck_assert_int_eq(value.kind, LKI_JSON_NUMBER);
    ck_assert_uint_eq(value.len, 2);
}
END_TEST

START_TEST(an_empty_name_is_a_name)
{
    static const char text[] = "{\"a\":{\"\":{\"\":1}}}";
    struct lki_json_value value;

    ck_assert_int_eq(lki_json_find(text, sizeof(text) - 1, "a..", &value), LK_OK);
    ck_assert_uint_eq(value.len, 1);
}
END_TEST

/* What a text that breaks off may still give is what stands complete in front of the break. */
START_TEST(a_text_cut_anywhere_gives_its_value_or_nothing)
{
    size_t whole = sizeof(SHOP) - 1;
    struct lki_json_value want;
    size_t needed;

    if (!finds[_i].raw)
        return;
    ck_assert_int_eq(lki_json_find(SHOP, whole, finds[_i].path, &want), LK_OK);
    needed = (size_t)(want.raw - SHOP) + want.len;
    for (size_t len = 0; len < whole; len++) {
        char *text = exact(SHOP, len);
        struct lki_json_value value;
        enum lk_err err = lki_json_find(text, len, finds[_i].path, &value);

        ck_assert_int_eq(lki_json_check(text, len), LK_E_FORMAT);
        ck_assert(err == LK_OK || err == LK_E_FORMAT);
        if (len < needed)
            ck_assert_int_eq(err, LK_E_FORMAT);
        if (len > needed || (len == needed && want.kind >= LKI_JSON_STRING))
            ck_assert_int_eq(err, LK_OK);
        if (!err)
            ck_assert_uint_eq(value.len, want.len);
        free(text);
    }
}
END_TEST

START_TEST(a_number_that_may_go_on_is_not_given)
{
    struct lki_json_value value;

    ck_assert_int_eq(lki_json_find("{\"a\":12", 7, "a", &value), LK_E_FORMAT);
    ck_assert_int_eq(lki_json_find("{\"a\":12}", 8, "a", &value), LK_OK);
    ck_assert_int_eq(lki_json_find("{\"a\":12x}", 9, "a", &value), LK_E_FORMAT);
    ck_assert_int_eq(lki_json_find("{\"a\":truex}", 11, "a", &value), LK_E_FORMAT);
}
END_TEST

static const struct {
    const char *text;
    const char *path;
} broken[] = {
    {"", ""},
    {" ", "a"},
    {"<html>", "a"},
    {"{\"a\"", "a"},
    {"{\"a\" 1}", "a"},
    {"{\"a\":}", "a"},
    {"{\"a\":1 \"b\":2}", "b"},
    {"{\"a\":1;\"b\":2}", "b"},
    {"{\"a\":1,}", "b"},
    {"{\"a\":[1},\"b\":2}", "b"},
    {"{\"a\":[{]},\"b\":2}", "b"},
    {"{\"a\":nul,\"b\":2}", "b"},
    {"{\"a\":01,\"b\":2}", "b"},
    {"{a:1,\"b\":2}", "b"},
    {"{,\"b\":2}", "b"},
    {"[1,,2]", "2"},
    {"[1 2]", "1"},
    {"[1,]", "1"},
    {"[,1]", "1"},
    {"]", ""},
    {"\"abc", ""},
    {"{\"a\":[\"],\"b\":2}", "b"},
};

START_TEST(what_is_broken_before_the_value_is_no_json)
{
    size_t len = strlen(broken[_i].text);
    char *text = exact(broken[_i].text, len);
    struct lki_json_value value;

    ck_assert_int_eq(lki_json_find(text, len, broken[_i].path, &value), LK_E_FORMAT);
    free(text);
}
END_TEST

/* Skipping looks at 64 bytes at a time: the difficult parts of a string are tried at every place.
 */
START_TEST(strings_are_skipped_wherever_they_lie)
{
    static const char hard[] =
        "\\\\\\\"]}{[\\\\\\\\\\\"\",\"\\\\\",[{\"\\\\\\\"\":\"}\"}]],\"b\":2}";
    char text[256] = "{\"a\":[\"";
    size_t at = strlen(text);
    struct lki_json_value value;

    memset(text + at, '.', (size_t)_i);
    memcpy(text + at + _i, hard, sizeof(hard));
    ck_assert_int_eq(lki_json_check(text, strlen(text)), LK_OK);
    ck_assert_int_eq(lki_json_find(text, strlen(text), "b", &value), LK_OK);
    ck_assert_int_eq(*value.raw, '2');
    ck_assert_int_eq(lki_json_find(text, strlen(text), "a.2.0", &value), LK_OK);
    ck_assert_int_eq(value.kind, LKI_JSON_OBJECT);
}
END_TEST

/* A run of backslashes before a quote, as long as _i, across the border of the blocks. */
START_TEST(backslashes_pair_up_across_blocks)
{
    char text[256];
    struct lki_json_value value;

    for (size_t dots = 40; dots < 64; dots++) {
        size_t at = 0;

        text[at++] = '[';
        text[at++] = '"';
        memset(text + at, '.', dots);
        at += dots;
        memset(text + at, '\\', (size_t)_i);
        at += (size_t)_i;
        text[at++] = '"';
        text[at++] = ']';
        ck_assert_int_eq(lki_json_find(text, at, "", &value), _i % 2 ? LK_E_FORMAT : LK_OK);
    }
}
END_TEST

START_TEST(ten_megabytes_are_searched_to_the_end)
{
    static const char item[] = "{\"id\":12345,\"name\":\"it\\\"em\",\"tags\":[\"a\",\"b\"]},";
    size_t count = BIG_BYTES / (sizeof(item) - 1);
    char *text = malloc(BIG_BYTES + 64);
    struct lki_json_value value;
    size_t len;
    size_t items;

    ck_assert_ptr_nonnull(text);
    memcpy(text, "{\"items\":[", 10);
    fill(text + 10, item, count);
    len = 10 + count * (sizeof(item) - 1);
    memcpy(text + len - 1, "],\"z\":1}", 8);
    len += 7;
    ck_assert_int_eq(lki_json_check(text, len), LK_OK);
    ck_assert_int_eq(lki_json_find(text, len, "z", &value), LK_OK);
    ck_assert_int_eq(lki_json_find(text, len, "items.100000.tags.1", &value), LK_OK);
    ck_assert_mem_eq(value.raw, "\"b\"", 3);
    ck_assert_int_eq(lki_json_find(text, len, "items", &value), LK_OK);
    ck_assert_int_eq(lki_json_count(&value, &items), LK_OK);
    ck_assert_uint_eq(items, count);
    ck_assert_int_eq(lki_json_find(text, len - 9, "z", &value), LK_E_FORMAT);
    free(text);
}
END_TEST

/* ---- values ---- */

static enum lk_err value_of(const char *text, struct lki_json_value *value)
{
    return lki_json_find(text, strlen(text), "", value);
}

static const struct {
    const char *text;
    enum lk_err err;
    int64_t value;
} ints[] = {
    {"0", LK_OK, 0},
    {"-0", LK_OK, 0},
    {"9007199254740993", LK_OK, 9007199254740993},
    {"9223372036854775807", LK_OK, INT64_MAX},
    {"-9223372036854775808", LK_OK, INT64_MIN},
    {"9223372036854775808", LK_E_LIMIT, 0},
    {"-9223372036854775809", LK_E_LIMIT, 0},
    {"1.0", LK_OK, 1},
    {"-1e3", LK_OK, -1000},
    {"1.5", LK_E_ARG, 0},
    {"\"1\"", LK_E_ARG, 0},
    {"true", LK_E_ARG, 0},
    {"null", LK_E_ARG, 0},
};

START_TEST(a_number_is_an_integer_exactly_or_not_at_all)
{
    struct lki_json_value value;
    int64_t number = 77;

    ck_assert_int_eq(value_of(ints[_i].text, &value), LK_OK);
    ck_assert_int_eq(lki_json_int(&value, &number), ints[_i].err);
    ck_assert_int_eq(number, ints[_i].err ? 77 : ints[_i].value);
}
END_TEST

START_TEST(numbers_and_booleans_are_what_they_are)
{
    struct lki_json_value value;
    double number = 77;
    bool truth = false;

    ck_assert_int_eq(value_of("0.1", &value), LK_OK);
    ck_assert_int_eq(lki_json_double(&value, &number), LK_OK);
    ck_assert(number == 0.1);
    ck_assert_int_eq(lki_json_bool(&value, &truth), LK_E_ARG);
    ck_assert_int_eq(value_of("1e999", &value), LK_OK);
    ck_assert_int_eq(lki_json_double(&value, &number), LK_E_LIMIT);
    ck_assert_int_eq(value_of("true", &value), LK_OK);
    ck_assert_int_eq(lki_json_bool(&value, &truth), LK_OK);
    ck_assert(truth);
    ck_assert_int_eq(lki_json_double(&value, &number), LK_E_ARG);
    ck_assert_int_eq(value_of("false", &value), LK_OK);
    ck_assert_int_eq(lki_json_bool(&value, &truth), LK_OK);
    ck_assert(!truth && number == 0.1);
}
END_TEST

static const struct {
    const char *bytes; /* in JSON */
    size_t len;
    const char *content; /* NULL: LK_E_FORMAT */
    size_t content_len;
} strings[] = {
    {TEXT("\"\""), "", 0},
    {TEXT("\"plain\""), "plain", 5},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t", 8},
    {TEXT("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10},
    {TEXT("\"\\ud800\\udc00\\udbff\\udfff\""), "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
    {TEXT("\"\xc3\xa9t\xc3\xa9\""), "\xc3\xa9t\xc3\xa9", 5},
    {TEXT("\"a\\u0000b\""), "a\0b", 3},
    {TEXT("\"\\ud800\""), NULL, 0},
    {TEXT("\"\\ude00\\ud83d\""), NULL, 0},
    {TEXT("\"\\ud83d\\ud83d\""), NULL, 0},
    {TEXT("\"\\ud83d\\u\""), NULL, 0},
    {TEXT("\"\\x41\""), NULL, 0},
    {TEXT("\"\\u00\""), NULL, 0},
    {TEXT("\"a\tb\""), NULL, 0},
    {TEXT("\"\xe9\""), NULL, 0},
    {TEXT("\"\xc3\""), NULL, 0},
};

START_TEST(a_string_is_decoded_or_refused)
{
    char *text = exact(strings[_i].bytes, strings[_i].len);
    char *out = malloc(strings[_i].len);
    struct lki_json_value value;
    size_t len = 77;
    enum lk_err want = strings[_i].content ? LK_OK : LK_E_FORMAT;

    ck_assert_int_eq(lki_json_find(text, strings[_i].len, "", &value), LK_OK);
    ck_assert_int_eq(lki_json_string(&value, out, &len), want);
    if (!want) {
        ck_assert_uint_eq(len, strings[_i].content_len);
        ck_assert_mem_eq(out, strings[_i].content, len + 1);
    }
    free(out);
    free(text);
}
END_TEST

START_TEST(a_text_is_the_content_of_a_string_or_what_a_value_looks_like)
{
    static const char whole[] = "{\"a\":\"1\\n\",\"b\":-1.50,\"c\":[1, 2],\"d\":\"\\ud800\"}";
    static const char *const paths[] = {"a", "b", "c"};
    struct lki_json_value value;
    struct lki_buf out;

    lki_buf_init(&out, 64);
    for (size_t i = 0; i < LKI_COUNT(paths); i++) {
        ck_assert_int_eq(lki_json_find(whole, sizeof(whole) - 1, paths[i], &value), LK_OK);
        ck_assert_int_eq(lki_json_text(&value, &out), LK_OK);
    }
    ck_assert_str_eq(lki_buf_cstr(&out), "1\n-1.50[1, 2]");
    ck_assert_int_eq(lki_json_find(whole, sizeof(whole) - 1, "d", &value), LK_OK);
    ck_assert_int_eq(lki_json_text(&value, &out), LK_E_FORMAT);
    ck_assert_str_eq(lki_buf_cstr(&out), "1\n-1.50[1, 2]");
    lki_buf_release(&out);
}
END_TEST

static const struct {
    const char *text;
    enum lk_err err;
    size_t count;
} counts[] = {
    {"[]", LK_OK, 0},
    {"[ \n ]", LK_OK, 0},
    {"{}", LK_OK, 0},
    {"[1]", LK_OK, 1},
    {"[[1,2],{\"a\":[3,4]},\"5,6\" , null ]", LK_OK, 4},
    {"{\"a\":[1,2],\"b\" : {},\"a\":3}", LK_OK, 3},
    {"[1,]", LK_E_FORMAT, 0},
    {"[1 2]", LK_E_FORMAT, 0},
    {"{\"a\"}", LK_E_FORMAT, 0},
    {"{1:2}", LK_E_FORMAT, 0},
    {"\"[1]\"", LK_E_ARG, 0},
    {"12", LK_E_ARG, 0},
    {"null", LK_E_ARG, 0},
};

START_TEST(elements_and_members_are_counted)
{
    struct lki_json_value value;
    size_t count = 0;

    ck_assert_int_eq(value_of(counts[_i].text, &value), LK_OK);
    ck_assert_int_eq(lki_json_count(&value, &count), counts[_i].err);
    ck_assert_uint_eq(count, counts[_i].count);
}
END_TEST

/* ---- writing ---- */

static struct lki_buf out;

static void out_open(void)
{
    lki_buf_init(&out, BIG_BYTES);
}

static void out_close(void)
{
    lki_buf_release(&out);
}

#define FFFD "\xef\xbf\xbd"

static const struct {
    const char *bytes;
    size_t len;
    const char *json;
} written[] = {
    {TEXT(""), "\"\""},
    {TEXT("plain"), "\"plain\""},
    {TEXT("\"\\/"), "\"\\\"\\\\/\""},
    {TEXT("\b\f\n\r\t\v\x01\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u000b\\u0001\\u001f\x7f\""},
    {TEXT("a\0b"), "\"a\\u0000b\""},
    {TEXT("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
    {TEXT("\xe9t\xe9"), "\"" FFFD "t" FFFD "\""},
    {TEXT("\xc3"), "\"" FFFD "\""},
    {TEXT("a\xe2\x82"), "\"a" FFFD FFFD "\""},
    {TEXT("\xed\xa0\x80z"), "\"" FFFD FFFD FFFD "z\""},
    {TEXT("\xff\""), "\"" FFFD "\\\"\""},
};

START_TEST(a_string_is_written_so_that_it_is_always_json)
{
    char *text = exact(written[_i].bytes, written[_i].len);

    lki_json_write_string(&out, text, written[_i].len);
    ck_assert_str_eq(lki_buf_cstr(&out), written[_i].json);
    ck_assert_int_eq(lki_json_check(out.data, out.len), LK_OK);
    free(text);
}
END_TEST

START_TEST(numbers_and_words_are_written_exactly)
{
    lki_json_write_int(&out, INT64_MIN);
    lki_buf_char(&out, ' ');
    lki_json_write_int(&out, INT64_MAX);
    lki_buf_char(&out, ' ');
    lki_json_write_int(&out, 0);
    lki_buf_char(&out, ' ');
    lki_json_write_uint(&out, UINT64_MAX);
    lki_buf_char(&out, ' ');
    lki_json_write_double(&out, 0.1);
    lki_buf_char(&out, ' ');
    lki_json_write_double(&out, NAN);
    lki_buf_char(&out, ' ');
    lki_json_write_double(&out, -INFINITY);
    lki_buf_char(&out, ' ');
    lki_json_write_bool(&out, true);
    lki_json_write_bool(&out, false);
    lki_json_write_null(&out);
    ck_assert_str_eq(lki_buf_cstr(&out),
                     "-9223372036854775808 9223372036854775807 0 18446744073709551615 0.1 "
                     "null null truefalsenull");
}
END_TEST

START_TEST(counts_of_parts_are_written_with_a_point)
{
    static const struct {
        int64_t count;
        unsigned decimals;
        const char *text;
    } rows[] = {
        {0, 6, "0"},
        {1, 6, "0.000001"},
        {-1, 3, "-0.001"},
        {1500000, 6, "1.5"},
        {42000000, 6, "42"},
        {100, 0, "100"},
        {505671509, 6, "505.671509"},
        {INT64_MAX, 6, "9223372036854.775807"},
        {INT64_MIN, 18, "-9.223372036854775808"},
    };

    for (size_t i = 0; i < LKI_COUNT(rows); i++) {
        lki_buf_clear(&out);
        lki_json_write_fixed(&out, rows[i].count, rows[i].decimals);
        ck_assert_str_eq(lki_buf_cstr(&out), rows[i].text);
    }
}
END_TEST

START_TEST(every_character_comes_back_as_it_was_written)
{
    char text[4];

    for (uint32_t code = 1; code < 0x110000; code += code < 0x3000 ? 1 : 251) {
        struct lki_json_value value;
        char back[64];
        size_t len = 0;
        size_t back_len;

        if (code >= 0xd800 && code < 0xe000)
            continue;
        if (code < 0x80) {
            text[len++] = (char)code;
        } else if (code < 0x800) {
            text[len++] = (char)(0xc0 | code >> 6);
        } else if (code < 0x10000) {
            text[len++] = (char)(0xe0 | code >> 12);
            text[len++] = (char)(0x80 | (code >> 6 & 63));
        } else {
            text[len++] = (char)(0xf0 | code >> 18);
            text[len++] = (char)(0x80 | (code >> 12 & 63));
            text[len++] = (char)(0x80 | (code >> 6 & 63));
        }
        if (code >= 0x80)
            text[len++] = (char)(0x80 | (code & 63));
        lki_buf_clear(&out);
        lki_json_write_string(&out, text, len);
        ck_assert_int_eq(lki_json_find(out.data, out.len, "", &value), LK_OK);
        ck_assert_int_eq(lki_json_string(&value, back, &back_len), LK_OK);
        ck_assert_uint_eq(back_len, len);
        ck_assert_mem_eq(back, text, len);
    }
}
END_TEST

static Suite *json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *check = tcase_create("check");
    TCase *find = tcase_create("find");
    TCase *value = tcase_create("value");
    TCase *write = tcase_create("write");

    tcase_add_loop_test(check, json_is_accepted, 0, LKI_COUNT(right));
    tcase_add_loop_test(check, what_is_not_json_is_refused, 0, LKI_COUNT(wrong));
    tcase_add_loop_test(check, nesting_has_a_limit, 0, LKI_COUNT(brackets));
    tcase_add_loop_test(check, a_million_brackets_are_refused_without_a_stack_for_them, 0,
                        LKI_COUNT(brackets));
    tcase_add_loop_test(find, a_path_may_go_as_deep_as_the_nesting, 0, LKI_COUNT(brackets));
    tcase_add_loop_test(find, a_path_leads_to_its_value, 0, LKI_COUNT(finds));
    tcase_add_test(find, the_empty_path_is_the_whole);
    tcase_add_test(find, an_empty_name_is_a_name);
    tcase_add_loop_test(find, a_text_cut_anywhere_gives_its_value_or_nothing, 0, LKI_COUNT(finds));
    tcase_add_test(find, a_number_that_may_go_on_is_not_given);
    tcase_add_loop_test(find, what_is_broken_before_the_value_is_no_json, 0, LKI_COUNT(broken));
    tcase_add_loop_test(find, strings_are_skipped_wherever_they_lie, 0, 130);
    tcase_add_loop_test(find, backslashes_pair_up_across_blocks, 0, 70);
    tcase_add_test(find, ten_megabytes_are_searched_to_the_end);
    tcase_add_loop_test(value, a_number_is_an_integer_exactly_or_not_at_all, 0, LKI_COUNT(ints));
    tcase_add_test(value, numbers_and_booleans_are_what_they_are);
    tcase_add_loop_test(value, a_string_is_decoded_or_refused, 0, LKI_COUNT(strings));
    tcase_add_test(value, a_text_is_the_content_of_a_string_or_what_a_value_looks_like);
    tcase_add_loop_test(value, elements_and_members_are_counted, 0, LKI_COUNT(counts));
    tcase_add_checked_fixture(write, out_open, out_close);
    tcase_add_loop_test(write, a_string_is_written_so_that_it_is_always_json, 0,
                        LKI_COUNT(written));
    tcase_add_test(write, numbers_and_words_are_written_exactly);
    tcase_add_test(write, counts_of_parts_are_written_with_a_point);
    tcase_add_test(write, every_character_comes_back_as_it_was_written);
    suite_add_tcase(suite, check);
    suite_add_tcase(suite, find);
    suite_add_tcase(suite, value);
    suite_add_tcase(suite, write);
    return suite;
}

int main(void)
{
    return suite_run(json_suite());
}
