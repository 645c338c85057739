/* What a step expects of an answer: which statuses are a success, what ends the step, and what its
 * message shows. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/expect.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/json_same.h"
#include "stats/example.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define JSON                                                                                       \
    "{\"a\":1,\"b\":[1.0,\"x\\u0041\",null,true],\"c\":{\"d\":-5,\"e\":0.1},\"n\":1e3,"            \
    "\"big\":18446744073709551615}"

static struct rig rig;
static struct test_server server;

static struct rig_user *ask(const char *answer, void (*run)(lk_vu *vu, void *arg), void *arg)
{
    const struct test_script script = {{SRV_READ, SRV_BYTES(answer, strlen(answer)), SRV_AGAIN}};
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, run, arg);
    rig_run(&rig);
    return user;
}

static void finish(void)
{
    rig_close(&rig);
    test_server_stop(&server);
}

/* message: NULL for a step that goes on to its end. */
static void outcome_verify(const struct rig_user *user, const char *message)
{
    ck_assert_msg(user->outcome == (message ? LKI_OUTCOME_FAILED : LKI_OUTCOME_OK), "%s",
                  user->message);
    ck_assert_str_eq(user->message, message ? message : "");
}

/* ---- .expect */

static const struct status_case {
    int status; /* that is answered */
    int expect;
    bool keep_going;
    unsigned errors;
    const char *message;
} status_cases[] = {
    {200, 0, false, 0, NULL},
    {404, 0, false, 1, NULL},
    {201, 201, false, 0, NULL},
    {404, 404, false, 0, NULL},
    {500, LK_STATUS(500, 599), false, 0, NULL},
    {599, LK_STATUS(500, 599), false, 0, NULL},
    {200, 201, true, 1, NULL},
    {200, 201, false, 1, "GET /x answered 200, expected 201: it is so"},
    {204, LK_STATUS(200, 203), false, 1,
     "GET /x answered 204, expected 200 to 203: the body is empty"},
    {400, LK_STATUS(200, 399), false, 1, "GET /x answered 400, expected 200 to 399: it is so"},
};

static void status_run(lk_vu *vu, void *arg)
{
    const struct status_case *want = arg;

    lk_http_base_url(vu, server.url);
    lk_get(vu, "/x", .expect = want->expect, .keep_going = want->keep_going);
}

START_TEST(a_status_is_a_success_exactly_if_it_is_expected)
{
    const struct status_case *want = &status_cases[_i];
    struct rig_user *user;
    char answer[128];

    snprintf(answer, sizeof(answer), "HTTP/1.1 %d Text\r\n%s", want->status,
             want->status == 204 ? "\r\n" : "Content-Length: 8\r\n\r\nit is so");
    user = ask(answer, status_run, (void *)(uintptr_t)want);
    outcome_verify(user, want->message);
    ck_assert_uint_eq(rig_count(&rig, (lki_code)want->status), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, want->errors);
    finish();
}
END_TEST

static void redirected_run(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_base_url(vu, server.url);
    lk_get(vu, "/from", .expect = 200);
}

START_TEST(on_the_way_to_what_is_expected_redirects_are_no_errors)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND("HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n"),
         SRV_READ, SRV_SEND("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), SRV_AGAIN}};
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, redirected_run, NULL);
    rig_run(&rig);
    outcome_verify(user, NULL);
    ck_assert_uint_eq(rig_count(&rig, 302), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 0);
    finish();
}
END_TEST

/* ---- examples */

static void example_run(lk_vu *vu, void *arg)
{
    const enum lk_http_engine *engine = arg;

    lk_http_base_url(vu, server.url);
    lk_get(vu, "/from", .expect = 200, .keep_going = true, .engine = *engine);
}

static const struct lki_example *example_of(const char *name)
{
    const struct lki_metric *metric = lki_metrics_find(&rig.metrics, LKI_SOURCE_HTTP, "step", name,
                                                       strlen(name));

    ck_assert_ptr_nonnull(metric->examples);
    ck_assert_ptr_null(metric->examples->next);
    return metric->examples;
}

/* "busy" */
#define PACKED                                                                                     \
    "\037\213\010\000\000\000\000\000\002\003\113\052"                                             \
    "\055\256\004\000\202\251\232\317\004\000\000\000"

START_TEST(each_hop_leaves_an_example_of_what_it_got_over_either_engine)
{
    static const struct test_script script = {
        {SRV_READ,
         SRV_SEND("HTTP/1.1 302 Found\r\nLocation: /to?a=b\r\nContent-Length: 4\r\n\r\nover"),
         SRV_READ,
         SRV_SEND(
             "HTTP/1.1 503 Busy\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n" PACKED)}};
    static enum lk_http_engine engines[] = {LK_HTTP_ENGINE_NATIVE, LK_HTTP_ENGINE_CURL};
    const struct lki_example *example;
    struct rig_user *user;

    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, example_run, &engines[_i]);
    rig_run(&rig);
    outcome_verify(user, NULL);
    example = example_of("GET /from");
    ck_assert_int_eq(example->code, 302);
    ck_assert_str_eq(example->request, "GET /from HTTP/1.1");
    ck_assert_str_eq(example->answer, "HTTP/1.1 302 Found");
    ck_assert_str_eq(example->body, "over");
    example = example_of("GET /to");
    ck_assert_int_eq(example->code, 503);
    ck_assert_str_eq(example->request, "GET /to?a=b HTTP/1.1");
    ck_assert_str_eq(example->answer, "HTTP/1.1 503 Busy");
    ck_assert_str_eq(example->body, "busy");
    finish();
}
END_TEST

/* ---- the macros */

static lk_response *got(lk_vu *vu)
{
    lk_http_base_url(vu, server.url);
    return lk_get(vu, "/x");
}

/* Each is a step of its own. */
static void status_one(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_STATUS(got(vu), 200);
}
static void status_range(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_STATUS(got(vu), 200, 299);
}
static void status_given(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_STATUS(got(vu), LK_STATUS(100, 200));
}
static void status_other(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_STATUS(got(vu), 201, 299);
}
static void status_none(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_STATUS(got(vu), 99);
}

static void status_backwards(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_STATUS(got(vu), 299, 200);
}

static lk_response *got_without_body(lk_vu *vu)
{
    lk_http_base_url(vu, server.url);
    return lk_get(vu, "/x", .discard_body = true);
}

static void body_discarded(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_BODY(got_without_body(vu), "shoes");
}
static void value_discarded(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_JSON(got_without_body(vu), "a", 1);
}
static void getter_discarded(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_int(got_without_body(vu), "a");
}

static void json_right(lk_vu *vu, void *arg)
{
    lk_response *r = got(vu);

    (void)arg;
    LK_EXPECT_JSON(r, "a", 1);
    LK_EXPECT_JSON(r, "a", 1.0);
    LK_EXPECT_JSON(r, "a", 1ULL);
    LK_EXPECT_JSON(r, "n", 1000);
    LK_EXPECT_JSON(r, "big", 18446744073709551615ULL);
    LK_EXPECT_JSON(r, "c.e", 0.1);
    LK_EXPECT_JSON(r, "b.1", "xA");
    LK_EXPECT_JSON(r, "b.2", NULL);
    LK_EXPECT_JSON(r, "b.3", LK_TRUE);
    LK_EXPECT_JSON(r, "b", LK_ARRAY(1, "xA", NULL, LK_TRUE));
    LK_EXPECT_JSON(r, "c", LK_OBJECT("e", 0.1, "d", -5));
}
static void json_other(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_JSON(got(vu), "b.1", "xa");
}
static void json_kind(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_JSON(got(vu), "a", "1");
}
static void json_missing(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_JSON(got(vu), "c.x", LK_OBJECT("y", 1));
}

static void body_right(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_BODY(got(vu), "\"d\":-5");
}
static void body_other(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_BODY(got(vu), "shoes");
}

static void header_right(lk_vu *vu, void *arg)
{
    lk_response *r = got(vu);

    (void)arg;
    LK_EXPECT_HEADER(r, "x-a", "1");
    LK_EXPECT_HEADER(r, "X-A", "two words");
}
static void header_other(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_HEADER(got(vu), "content-type", "text/html");
}
static void header_missing(lk_vu *vu, void *arg)
{
    (void)arg;
    LK_EXPECT_HEADER(got(vu), "X-B", "");
}

static const struct macro_case {
    void (*run)(lk_vu *vu, void *arg);
    const char *message;
} macro_cases[] = {
    {status_one, NULL},
    {status_range, NULL},
    {status_given, NULL},
    {status_other,
     "GET /x answered 200, expected 201 to 299: "
     "{\"a\":1,\"b\":[1.0,\"x\\u0041\",null,true],\"c\":{\"d\":-5,\"e\":0.1},\"n\":1e3,"
     "\"big\":18446744073709551615}"},
    {status_none, "LK_EXPECT_STATUS: 99 is no status, nor a range of them"},
    {status_backwards, "LK_EXPECT_STATUS: 299 to 200 is no status, nor a range of them"},
    {body_discarded,
     "GET /x: the body has no \"shoes\": the body was discarded, as .discard_body says"},
    {getter_discarded,
     "no integer at \"a\" in the answer to GET /x: it was discarded, as .discard_body says"},
    {value_discarded,
     "GET /x: expected 1 at \"a\" of the body, but it was discarded, as .discard_body says"},
    {json_right, NULL},
    {json_other, "GET /x: \"b.1\" is \"x\\u0041\", expected \"xa\""},
    {json_kind, "GET /x: \"a\" is 1, expected \"1\""},
    {json_missing, "GET /x: there is nothing at \"c.x\", expected {\"y\":1}"},
    {body_right, NULL},
    {body_other, "GET /x: the body has no \"shoes\": "
                 "{\"a\":1,\"b\":[1.0,\"x\\u0041\",null,true],\"c\":{\"d\":-5,\"e\":0.1},\"n\":1e3,"
                 "\"big\":18446744073709551615}"},
    {header_right, NULL},
    {header_other, "GET /x: the header content-type is \"text/html; q=1\", expected \"text/html\""},
    {header_missing, "GET /x: there is no header X-B, expected \"\""},
};

START_TEST(what_is_not_as_expected_ends_the_step_and_is_shown)
{
    const struct macro_case *want = &macro_cases[_i];
    char answer[512];

    snprintf(answer, sizeof(answer),
             "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Type: text/html; q=1\r\nX-A: two words\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(JSON), JSON);
    outcome_verify(ask(answer, want->run, NULL), want->message);
    finish();
}
END_TEST

static void no_answer_run(lk_vu *vu, void *arg)
{
    lk_response *r;

    (void)arg;
    lk_http_base_url(vu, server.url);
    r = lk_get(vu, "/x", .keep_going = true);
    LK_EXPECT_BODY(r, "");
}

static const struct odd_case {
    const char *answer;
    void (*run)(lk_vu *vu, void *arg);
    const char *message;
} odd_cases[] = {
    {"garbage\r\n\r\n", no_answer_run, "GET /x got no answer: "},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>", json_missing,
     "GET /x: expected {\"y\":1} at \"c.x\" of the body, but it is not JSON, it begins with "
     "\"<a/>\""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", json_other,
     "GET /x: expected \"xa\" at \"b.1\" of the body, but it is empty"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na\r\nb\tc", body_other,
     "GET /x: the body has no \"shoes\": a??b?c"},
};

START_TEST(an_answer_that_cannot_be_looked_at_is_not_as_expected)
{
    const struct odd_case *want = &odd_cases[_i];
    struct rig_user *user = ask(want->answer, want->run, NULL);

    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(!strncmp(user->message, want->message, strlen(want->message)), "%s",
                  user->message);
    finish();
}
END_TEST

START_TEST(what_is_shown_of_a_long_body_is_cut)
{
    char answer[1024];
    struct rig_user *user;

    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n%0500d", 0);
    user = ask(answer, status_other, NULL);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_uint_eq(strlen(user->message),
                      strlen("GET /x answered 200, expected 201 to 299: ") + 120 + 3);
    finish();
}
END_TEST

/* ---- values */

static const struct same_case {
    const char *a;
    const char *b;
    bool same;
} same_cases[] = {
    {"1", "1.0", true},
    {"1e3", "1000", true},
    {"1", "1.5", false},
    {"1.50", "15e-1", true},
    {"9007199254740993", "9007199254740992", false},
    {"\"a\"", "\"\\u0061\"", true},
    {"\"a\\n\"", "\"a\\u000a\"", true},
    {"\"a\"", "\"b\"", false},
    {"null", "false", false},
    {"true", "false", false},
    {"[1, 2]", "[1,2.0]", true},
    {"[1,2]", "[2,1]", false},
    {"[1,2]", "[1,2,3]", false},
    {"[1,2,3]", "[1,2]", false},
    {"[]", "{}", false},
    {"{\"a\":1,\"b\":[{}]}", "{ \"b\" : [ { } ], \"\\u0061\" : 1 }", true},
    {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
    {"{\"a\":1}", "{\"b\":1}", false},
    {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", false},
};

START_TEST(values_are_the_same_however_they_are_written)
{
    const struct same_case *want = &same_cases[_i];
    struct lki_json_value a, b;
    struct lki_arena arena;
    bool same;

    lki_arena_init(&arena, NULL, 0);
    ck_assert_int_eq(lki_json_find(want->a, strlen(want->a), "", &a), LK_OK);
    ck_assert_int_eq(lki_json_find(want->b, strlen(want->b), "", &b), LK_OK);
    ck_assert_int_eq(lki_json_same(&arena, &a, &b, &same), LK_OK);
    ck_assert_int_eq(same, want->same);
    ck_assert_int_eq(lki_json_same(&arena, &b, &a, &same), LK_OK);
    ck_assert_int_eq(same, want->same);
    lki_arena_reset(&arena);
}
END_TEST

START_TEST(values_that_are_nested_too_deep_are_not_compared)
{
    char a[2 * LKI_JSON_SAME_DEPTH + 8] = "";
    char b[sizeof(a)] = "";
    struct lki_json_value left, right;
    struct lki_arena arena;
    bool same;

    lki_arena_init(&arena, NULL, 0);
    memset(a, '[', LKI_JSON_SAME_DEPTH + 1);
    memset(b, '[', LKI_JSON_SAME_DEPTH + 1);
    strcat(a, "1");
    strcat(b, "2");
    memset(a + strlen(a), ']', LKI_JSON_SAME_DEPTH + 1);
    memset(b + strlen(b), ']', LKI_JSON_SAME_DEPTH + 1);
    ck_assert_int_eq(lki_json_find(a, strlen(a), "", &left), LK_OK);
    ck_assert_int_eq(lki_json_find(b, strlen(b), "", &right), LK_OK);
    ck_assert_int_eq(lki_json_same(&arena, &left, &right, &same), LK_E_LIMIT);
    lki_arena_reset(&arena);
}
END_TEST

static Suite *expect_suite(void)
{
    Suite *suite = suite_create("expect");
    TCase *statuses = tcase_create("statuses");
    TCase *macros = tcase_create("macros");
    TCase *values = tcase_create("values");

    tcase_add_loop_test(statuses, a_status_is_a_success_exactly_if_it_is_expected, 0,
                        LKI_COUNT(status_cases));
    tcase_add_loop_test(statuses, each_hop_leaves_an_example_of_what_it_got_over_either_engine, 0,
                        2);
    tcase_add_test(statuses, on_the_way_to_what_is_expected_redirects_are_no_errors);
    tcase_add_loop_test(macros, what_is_not_as_expected_ends_the_step_and_is_shown, 0,
                        LKI_COUNT(macro_cases));
    tcase_add_loop_test(macros, an_answer_that_cannot_be_looked_at_is_not_as_expected, 0,
                        LKI_COUNT(odd_cases));
    tcase_add_test(macros, what_is_shown_of_a_long_body_is_cut);
    tcase_add_loop_test(values, values_are_the_same_however_they_are_written, 0,
                        LKI_COUNT(same_cases));
    tcase_add_test(values, values_that_are_nested_too_deep_are_not_compared);
    suite_add_tcase(suite, statuses);
    suite_add_tcase(suite, macros);
    suite_add_tcase(suite, values);
    return suite;
}

int main(void)
{
    return suite_run(expect_suite());
}
