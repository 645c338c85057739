/*
 * The values of a scenario, made by the macros and read by the getters. Instead of a running user
 * there is one that lies about: its step "fails" by a jump back into the test, and its answers are
 * texts of the test. For that values.c is compiled into the test, under other names for what it
 * calls.
 */
#define lki_vu_fail test_vu_fail
#define lki_vu_nomem test_vu_nomem
#define lki_response_doc test_response_doc
#include "client/values.c"

#include <check.h>
#include <setjmp.h>

#include "support/suite.h"

#define SCRATCH_BYTES ((size_t)4096)

static struct lki_loop loop;
static struct lki_task task;
static struct lk_vu user;
static lk_vu *vu;

static jmp_buf left; /* where a failing step goes */
static char message[512];

void test_vu_fail(lk_vu *failing, const char *fmt, ...)
{
    va_list args;

    ck_assert_ptr_eq(failing, vu);
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    longjmp(left, 1);
}

void test_vu_nomem(lk_vu *failing)
{
    ck_assert_ptr_eq(failing, vu);
    snprintf(message, sizeof(message), "out of memory");
    longjmp(left, 1);
}

/* Does what would end a step, and expects it to. */
#define EXPECT_END(what, why)                                                                      \
    do {                                                                                           \
        if (!setjmp(left)) {                                                                       \
            (void)(what);                                                                          \
            ck_abort_msg("the step went on: %s", #what);                                           \
        }                                                                                          \
        ck_assert_str_eq(message, why);                                                            \
    } while (0)

/* A response is, to the getters, whatever test_response_doc says it is. */
static struct lki_doc answer;
static struct lk_response any_response;

struct lki_doc *test_response_doc(const lk_response *response)
{
    ck_assert_ptr_eq(response, &any_response);
    return &answer;
}

static const lk_response *answer_with(const char *body, size_t len)
{
    answer = (struct lki_doc){
        .text = body,
        .len = len,
        .arena = &task.arena,
        .vu = vu,
        .sample = "POST /auth",
    };
    return &any_response;
}

#define ANSWER(body) answer_with((body), sizeof(body) - 1)

static void open_user(void)
{
    lki_buf_init(&loop.scratch, SCRATCH_BYTES);
    lki_arena_init(&task.arena, NULL, 0);
    task.memory = &task.arena;
    loop.current = &task;
    user.loop = &loop;
    vu = &user;
    message[0] = '\0';
}

static void close_user(void)
{
    lki_arena_reset(&task.arena);
    lki_buf_release(&loop.scratch);
}

/* ---- making ---- */

START_TEST(an_object_says_exactly_what_it_was_given)
{
    lk_json *json = LK_OBJECT("id", 9007199254740993, "name", NULL, "ratio", 0.1, "ok", LK_TRUE);

    ck_assert_str_eq(lk_json_text(json),
                     "{\"id\":9007199254740993,\"name\":null,\"ratio\":0.1,\"ok\":true}");
    ck_assert_int_eq(lk_int(json, "id"), 9007199254740993);
    ck_assert(lk_has(json, "name"));
    ck_assert_ptr_null(lk_str_or(json, "name", NULL));
    ck_assert(lk_double(json, "ratio") == 0.1);
    ck_assert(lk_bool(json, "ok"));
}
END_TEST

enum color { RED, GREEN };

START_TEST(every_type_of_c_that_has_a_json_form_takes_it)
{
    char array[] = "array";
    char *text = array;
    const char *const constant = "const";
    const char *none = NULL;
    void *nothing = NULL;
    lk_json *inner = LK_ARRAY(1);
    const lk_json *same = inner;
    lk_json *no_json = NULL;
    const int fixed = -3;
    enum color color = GREEN;
    struct {
        unsigned bits : 3;
    } field = {5};
    lk_json *json = LK_ARRAY(array, text, constant, none, nothing, inner, same, no_json, fixed,
                             color, field.bits + 0, (char)65, (signed char)-1, (unsigned char)255,
                             (short)-1, (unsigned short)65535, -1, 4294967295U, INT64_MIN,
                             UINT64_MAX, -1L, 1UL, -1LL, 18446744073709551615ULL, 0.5F, 0.25,
                             LK_TRUE, LK_FALSE, (size_t)7);

    ck_assert_str_eq(
        lk_json_text(json),
        "[\"array\",\"array\",\"const\",null,null,[1],[1],null,-3,1,5,65,-1,255,-1,65535,"
        "-1,4294967295,-9223372036854775808,18446744073709551615,-1,1,-1,18446744073709551615,0.5,0.25,"
        "true,false,7]");
}
END_TEST

START_TEST(objects_and_arrays_may_be_empty_and_nested)
{
    const lk_json *values[] = {
        LK_OBJECT(),
        LK_ARRAY(),
        LK_ARRAY((int)1),
        LK_ARRAY(NULL),
        LK_ARRAY(LK_ARRAY(LK_ARRAY(), LK_OBJECT())),
        LK_OBJECT("a", LK_OBJECT("b", LK_OBJECT("c", LK_ARRAY(1, "two")), "d", 4)),
    };
    static const char *const texts[] = {
        "{}", "[]", "[1]", "[null]", "[[[],{}]]", "{\"a\":{\"b\":{\"c\":[1,\"two\"]},\"d\":4}}",
    };

    for (size_t i = 0; i < LKI_COUNT(values); i++)
        ck_assert_str_eq(lk_json_text(values[i]), texts[i]);
}
END_TEST

START_TEST(an_object_takes_32_members_and_an_array_32_values)
{
    lk_json *object = LK_OBJECT("a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6, "g", 7, "h", 8, "i",
                                9, "j", 10, "k", 11, "l", 12, "m", 13, "n", 14, "o", 15, "p", 16,
                                "q", 17, "r", 18, "s", 19, "t", 20, "u", 21, "v", 22, "w", 23, "x",
                                24, "y", 25, "z", 26, "A", 27, "B", 28, "C", 29, "D", 30, "E", 31,
                                "F", 32);
    lk_json *array = LK_ARRAY(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                              21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);

    ck_assert_uint_eq(lk_len(object, ""), 32);
    ck_assert_int_eq(lk_int(object, "F"), 32);
    ck_assert_uint_eq(lk_len(array, ""), 32);
    ck_assert_int_eq(lk_int(array, "31"), 32);
}
END_TEST

START_TEST(each_argument_is_evaluated_once)
{
    static const char *const names[] = {"a", "b"};
    const char *const *key = names;
    int outer = 0;
    int inner = 0;
    int paths = 0;
    lk_json *json = LK_OBJECT(*key++, outer++, "b", LK_ARRAY(inner++));

    ck_assert_str_eq(lk_json_text(json), "{\"a\":0,\"b\":[0]}");
    ck_assert_ptr_eq(key, names + 1);
    ck_assert_int_eq(outer, 1);
    ck_assert_int_eq(inner, 1);
    ck_assert_int_eq(lk_int((outer++, json), names[paths++]), 0);
    ck_assert_int_eq(outer, 2);
    ck_assert_int_eq(paths, 1);
}
END_TEST

START_TEST(strings_and_keys_are_escaped_and_made_valid)
{
    lk_json *json = LK_OBJECT("a\"\n", "\xff", "k\xc3\xa9y", "\\");

    ck_assert_str_eq(lk_json_text(json), "{\"a\\\"\\n\":\"\xef\xbf\xbd\",\"k\xc3\xa9y\":\"\\\\\"}");
    ck_assert_str_eq(lk_str(json, "a\"\n"), "\xef\xbf\xbd");
}
END_TEST

START_TEST(what_functions_make_is_what_macros_make)
{
    const struct lk_value items[] = {lk_value_int(-1), lk_value_uint(1), lk_value_double(0.5),
                                     lk_value_null(), lk_value_bool(true)};
    const lk_json *array = lk_array(vu, LKI_COUNT(items), items);
    const struct lk_member members[] = {{"s", lk_value_str("x")}, {"a", lk_value_json(array)}};

    ck_assert_str_eq(lk_json_text(lk_object(vu, 2, members)),
                     "{\"s\":\"x\",\"a\":[-1,1,0.5,null,true]}");
    ck_assert_str_eq(lk_json_text(lk_object(vu, 0, NULL)), "{}");
    ck_assert_str_eq(lk_json_text(NULL), "null");
}
END_TEST

START_TEST(what_cannot_be_written_ends_the_step)
{
    const char *key = NULL;
    void *pointer = &loop;
    char *long_text = lki_arena_alloc(&task.arena, SCRATCH_BYTES + 1);

    EXPECT_END(LK_OBJECT(key, 1), "the key of member 0 of an object is NULL");
    EXPECT_END(LK_ARRAY(pointer), "a void pointer is no JSON value, unless it is NULL");
    memset(long_text, 'x', SCRATCH_BYTES);
    long_text[SCRATCH_BYTES] = '\0';
    EXPECT_END(LK_ARRAY(long_text), "a JSON value takes more than 4096 bytes");
    /* and the buffer that it ran out of serves the next one */
    ck_assert_str_eq(lk_json_text(LK_ARRAY(1)), "[1]");
}
END_TEST

START_TEST(out_of_memory_ends_the_step)
{
    lk_json *json = LK_OBJECT("a", "a string that needs a copy");

    task.arena.max_bytes = 1;
    task.arena.end = task.arena.at;
    EXPECT_END(LK_OBJECT("a", 1), "out of memory");
    EXPECT_END(lk_format(vu, "%d", 1), "out of memory");
    EXPECT_END(lk_str(json, "a"), "out of memory");
    EXPECT_END(lk_str_or(json, "a", "b"), "out of memory");
}
END_TEST

START_TEST(format_makes_strings_of_any_length)
{
    const char *text = lk_format(vu, "user_%s_%d", "x", 7);
    const char *more = lk_format(vu, "%02000d", 1);

    ck_assert_str_eq(text, "user_x_7");
    ck_assert_uint_eq(strlen(more), 2000);
    ck_assert_str_eq(lk_format(vu, "%s", ""), "");
    /* what the C locale has no bytes for */
    EXPECT_END(lk_format(vu, "%ls", L"\u00fc"), "lk_format: the string cannot be formatted");
}
END_TEST

/* ---- reading ---- */

#define AUTH                                                                                       \
    "{\"token\":\"a\\u00e9\\n\",\"user\":{\"id\":9007199254740993,\"ok\":true,\"ratio\":0.1,"      \
    "\"none\":null},\"items\":[1,[],\"x\"],\"big\":1e30,\"half\":1.5,\"nul\":\"a\\u0000b\","       \
    "\"bad\":\"\\ud800\"}"

START_TEST(an_answer_is_read_by_path)
{
    const lk_response *r = ANSWER(AUTH);

    ck_assert_str_eq(lk_str(r, "token"), "a\xc3\xa9\n");
    ck_assert_int_eq(lk_int(r, "user.id"), 9007199254740993);
    ck_assert(lk_bool(r, "user.ok"));
    ck_assert(lk_double(r, "user.ratio") == 0.1);
    ck_assert(lk_double(r, "items.0") == 1);
    ck_assert_uint_eq(lk_len(r, "items"), 3);
    ck_assert_uint_eq(lk_len(r, "items.1"), 0);
    ck_assert_uint_eq(lk_len(r, "user"), 4);
    ck_assert(lk_has(r, "user.none"));
    ck_assert(!lk_has(r, "user.name"));
    ck_assert(lk_has(r, ""));
}
END_TEST

START_TEST(the_type_of_the_source_may_be_const_or_not)
{
    lk_response *r = &any_response;
    lk_json *json = LK_OBJECT("a", 1);
    const lk_json *constant = json;

    ANSWER("{\"a\":2}");
    ck_assert_int_eq(lk_int(r, "a"), 2);
    ck_assert_int_eq(lk_int(json, "a"), 1);
    ck_assert_int_eq(lk_int(constant, "a"), 1);
}
END_TEST

START_TEST(a_default_stands_in_for_what_is_missing_or_of_another_type)
{
    const lk_response *r = ANSWER(AUTH);

    ck_assert_str_eq(lk_str_or(r, "token", "d"), "a\xc3\xa9\n");
    ck_assert_str_eq(lk_str_or(r, "tokens", "d"), "d");
    ck_assert_str_eq(lk_str_or(r, "user.none", "d"), "d");
    ck_assert_str_eq(lk_str_or(r, "nul", "d"), "d");
    ck_assert_str_eq(lk_str_or(r, "bad", "d"), "d");
    ck_assert_ptr_null(lk_str_or(r, "user.none", NULL));
    ck_assert_int_eq(lk_int_or(r, "user.id", 5), 9007199254740993);
    ck_assert_int_eq(lk_int_or(r, "half", 5), 5);
    ck_assert_int_eq(lk_int_or(r, "big", 5), 5);
    ck_assert(lk_double_or(r, "half", 5) == 1.5);
    ck_assert(lk_double_or(r, "token", 5) == 5);
    ck_assert(lk_bool_or(r, "user.ok", false));
    ck_assert(lk_bool_or(r, "user.no", true));
    ck_assert_uint_eq(lk_len_or(r, "items", 9), 3);
    ck_assert_uint_eq(lk_len_or(r, "half", 9), 9);
    r = ANSWER("<html>");
    ck_assert_int_eq(lk_int_or(r, "a", 5), 5);
    ck_assert(!lk_has(r, "a"));
}
END_TEST

START_TEST(a_getter_that_finds_something_else_ends_the_step_and_says_what)
{
    const lk_response *r = ANSWER(AUTH);

    EXPECT_END(lk_str(r, "tokens"), "no string at \"tokens\" in the answer to POST /auth: "
                                    "it is not there");
    EXPECT_END(lk_str(r, "half"), "no string at \"half\" in the answer to POST /auth: "
                                  "it is a number");
    EXPECT_END(lk_str(r, "nul"), "no string at \"nul\" in the answer to POST /auth: "
                                 "it is a string with a NUL inside");
    EXPECT_END(lk_str(r, "bad"), "no string at \"bad\" in the answer to POST /auth: "
                                 "it is a string that is malformed");
    EXPECT_END(lk_int(r, "half"), "no integer at \"half\" in the answer to POST /auth: "
                                  "it is a number with a fraction");
    EXPECT_END(lk_int(r, "big"), "no integer at \"big\" in the answer to POST /auth: "
                                 "it is a number that does not fit");
    EXPECT_END(lk_int(r, "token"), "no integer at \"token\" in the answer to POST /auth: "
                                   "it is a string");
    EXPECT_END(lk_double(r, "user.none"), "no number at \"user.none\" in the answer to POST /auth: "
                                          "it is null");
    EXPECT_END(lk_bool(r, "items"), "no boolean at \"items\" in the answer to POST /auth: "
                                    "it is an array");
    EXPECT_END(lk_int(r, "user"), "no integer at \"user\" in the answer to POST /auth: "
                                  "it is an object");
    EXPECT_END(lk_len(r, "user.ok"),
               "no array or object at \"user.ok\" in the answer to POST /auth: "
               "it is a boolean");
}
END_TEST

START_TEST(a_text_that_is_not_json_ends_the_step_and_is_shown)
{
    EXPECT_END(lk_str(ANSWER(""), "a"),
               "no string at \"a\" in the answer to POST /auth: it is empty");
    EXPECT_END(lk_str(ANSWER(" \r\n"), "a"),
               "no string at \"a\" in the answer to POST /auth: it is empty");
    EXPECT_END(lk_str(answer_with(NULL, 0), "a"),
               "no string at \"a\" in the answer to POST /auth: it is empty");
    EXPECT_END(lk_str(ANSWER("<!doctype html><title>Bad Gateway"), "a"),
               "no string at \"a\" in the answer to POST /auth: "
               "it is not JSON, it begins with \"<!doctype html><title>Ba\"");
    EXPECT_END(lk_str(ANSWER("oops\n..."), "a"), "no string at \"a\" in the answer to POST /auth: "
                                                 "it is not JSON, it begins with \"oops\"");
    EXPECT_END(lk_str(ANSWER("{\"a\":\"b"), "a"), "no string at \"a\" in the answer to POST /auth: "
                                                  "its JSON is broken at byte 5: \"\"b\"");
    EXPECT_END(lk_len(ANSWER("[1,2"), ""),
               "no array or object at \"\" in the answer to POST /auth: "
               "its JSON is broken: it ends at byte 4");
    EXPECT_END(
        lk_len(ANSWER("[1 2]"), ""),
        "no array or object at \"\" in the answer to POST /auth: it is an array that is malformed");
}
END_TEST

START_TEST(too_deep_a_text_ends_the_step)
{
    char text[2000];

    memset(text, '[', 1000);
    memset(text + 1000, ']', 1000);
    EXPECT_END(lk_len(answer_with(text, sizeof(text)), ""),
               "no array or object at \"\" in the answer to POST /auth: it is nested too deep");
}
END_TEST

START_TEST(a_message_names_the_source)
{
    lk_json *owned = lki_json_own("{}", 2, "users");

    EXPECT_END(lk_str(LK_OBJECT(), "a"), "no string at \"a\" in an LK_OBJECT: it is not there");
    EXPECT_END(lk_str(LK_ARRAY(), "0"), "no string at \"0\" in an LK_ARRAY: it is not there");
    owned->doc.vu = vu;
    EXPECT_END(lk_str(owned, "a"), "no string at \"a\" in resource users: it is not there");
    lki_json_free(owned);
}
END_TEST

/* ---- values that live on ---- */

START_TEST(a_string_read_again_is_the_same_and_takes_no_memory)
{
    static const char text[] = "{\"name\":\"a\\nb\",\"other\":\"c\",\"bad\":\"\\ud800\"}";
    lk_json *json = lki_json_own(text, sizeof(text) - 1, "users");
    const char *name = lk_str(json, "name");
    const char *other = lk_str(json, "other");
    char *at;

    ck_assert_str_eq(name, "a\nb");
    ck_assert_str_eq(other, "c");
    ck_assert_str_eq(lk_str_or(json, "bad", "d"), "d");
    at = json->doc.arena->at;
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_eq(lk_str(json, "name"), name);
        ck_assert_ptr_eq(lk_str(json, "other"), other);
        ck_assert_str_eq(lk_str_or(json, "bad", "d"), "d");
    }
    ck_assert_ptr_eq(json->doc.arena->at, at);
    lki_json_free(json);
}
END_TEST

START_TEST(many_strings_of_one_text_are_kept_apart)
{
    enum { COUNT = 2000 };
    struct lki_buf text;
    const lk_response *r;

    lki_buf_init(&text, (size_t)1 << 20);
    for (int i = 0; i < COUNT; i++)
        lki_buf_printf(&text, "%c\"%d\"", i ? ',' : '[', i);
    lki_buf_char(&text, ']');
    r = answer_with(text.data, text.len);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            char path[16];

            snprintf(path, sizeof(path), "%d", i);
            ck_assert_str_eq(lk_str(r, path), path);
        }
    }
    lki_buf_release(&text);
}
END_TEST

START_TEST(a_value_that_is_nobodys_gives_nothing_instead_of_failing)
{
    lk_json *json = lki_json_own("{\"a\":1}", 7, "users");

    ck_assert_str_eq(lk_str(json, "b"), "");
    ck_assert_int_eq(lk_int(json, "b"), 0);
    ck_assert_int_eq(lk_int(json, "a"), 1);
    ck_assert(!lk_bool(json, "b"));
    lki_json_free(json);
    lki_json_free(NULL);
}
END_TEST

static Suite *values_suite(void)
{
    Suite *suite = suite_create("values");
    TCase *make = tcase_create("make");
    TCase *read = tcase_create("read");
    TCase *keep = tcase_create("keep");

    tcase_add_checked_fixture(make, open_user, close_user);
    tcase_add_test(make, an_object_says_exactly_what_it_was_given);
    tcase_add_test(make, every_type_of_c_that_has_a_json_form_takes_it);
    tcase_add_test(make, objects_and_arrays_may_be_empty_and_nested);
    tcase_add_test(make, an_object_takes_32_members_and_an_array_32_values);
    tcase_add_test(make, each_argument_is_evaluated_once);
    tcase_add_test(make, strings_and_keys_are_escaped_and_made_valid);
    tcase_add_test(make, what_functions_make_is_what_macros_make);
    tcase_add_test(make, what_cannot_be_written_ends_the_step);
    tcase_add_test(make, out_of_memory_ends_the_step);
    tcase_add_test(make, format_makes_strings_of_any_length);
    tcase_add_checked_fixture(read, open_user, close_user);
    tcase_add_test(read, an_answer_is_read_by_path);
    tcase_add_test(read, the_type_of_the_source_may_be_const_or_not);
    tcase_add_test(read, a_default_stands_in_for_what_is_missing_or_of_another_type);
    tcase_add_test(read, a_getter_that_finds_something_else_ends_the_step_and_says_what);
    tcase_add_test(read, a_text_that_is_not_json_ends_the_step_and_is_shown);
    tcase_add_test(read, too_deep_a_text_ends_the_step);
    tcase_add_test(read, a_message_names_the_source);
    tcase_add_checked_fixture(keep, open_user, close_user);
    tcase_add_test(keep, a_string_read_again_is_the_same_and_takes_no_memory);
    tcase_add_test(keep, many_strings_of_one_text_are_kept_apart);
    tcase_add_test(keep, a_value_that_is_nobodys_gives_nothing_instead_of_failing);
    suite_add_tcase(suite, make);
    suite_add_tcase(suite, read);
    suite_add_tcase(suite, keep);
    return suite;
}

int main(void)
{
    return suite_run(values_suite());
}
