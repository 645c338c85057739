/* Requests answered from a script: what is sent, what steps get, and what is counted. */
#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scene.h"
#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NS INT64_C(1000000000)

static lk_test *test;
static lk_result *result;
static char seen[4096]; /* what the step saw */
static void (*ask)(lk_vu *vu);

static void see(const char *format, ...) LK_PRINTF(1, 2);

static void see(const char *format, ...)
{
    size_t len = strlen(seen);
    va_list args;

    va_start(args, format);
    vsnprintf(seen + len, sizeof(seen) - len, format, args);
    va_end(args);
}

static void see_response(const lk_response *r)
{
    see("%d|%s|%zu|%g|%s\n", r->status, r->body, r->body_bytes, r->seconds, lk_error(r));
}

static void set_base(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, "http://shop.test:8080/api");
}

static void call_ask(lk_vu *vu, void *self)
{
    (void)self;
    ask(vu);
}

static struct lk_def *defs[] = {
    SCENE_VU("guest", .weight = 1),
    SCENE_HOOK("guest", init, set_base),
    SCENE_STEP("guest", "ask", call_ask),
    NULL,
};

/* A user whose one step is carried out once. */
static void begin(void (*step)(lk_vu *vu))
{
    ask = step;
    seen[0] = '\0';
    test = scene_open(defs, LK_RUN_OPTIONS(.iterations = 1));
}

static void run(void)
{
    ck_assert(lk_test_run(test, LK_OFF));
    ck_assert_int_eq(lk_test_result(test, &result), LK_OK);
}

static void finish(void)
{
    lk_result_free(result);
    result = NULL;
    scene_close(test);
}

static uint64_t code_count(const char *code)
{
    return lk_result_code_count(result, "http", code);
}

/* ---- answers ---- */

static void get_a(lk_vu *vu)
{
    see_response(lk_get(vu, "/a"));
}

static void log_in(lk_vu *vu)
{
    lk_response *r = lk_post(vu, "/auth?next=1",
                             .json = LK_OBJECT("name", "ann", "number", INT64_MAX),
                             .headers = LK_PAIRS("X-Mark", "m1"));

    see_response(r);
    see("%lld %s %s", lk_int(r, "id"), lk_header(r, "x-trace"), lk_header(r, "Content-Length"));
}

START_TEST(a_step_gets_the_answer_that_the_script_gives)
{
    begin(log_in);
    lk_test_answer(test, "POST /api/auth", .status = 201, .body = "{\"id\":9007199254740993}",
                   .head = "X-Trace: abc\r\nX-Other: d\r\n", .delay_s = 0.25);
    run();
    ck_assert_str_eq(seen, "201|{\"id\":9007199254740993}|23|0.25|\n9007199254740993 abc 23");
    ck_assert_str_eq(scene_log(test), "on_init@0 ask@0-0.25");
    finish();
}
END_TEST

START_TEST(an_answer_of_which_nothing_is_said_is_200_empty_and_at_once)
{
    begin(get_a);
    lk_test_answer(test, "*");
    run();
    ck_assert_str_eq(seen, "200||0|0|\n");
    finish();
}
END_TEST

START_TEST(what_nothing_answers_is_404)
{
    begin(get_a);
    lk_test_answer(test, "GET /b");
    run();
    ck_assert_str_eq(seen, "404||0|0|\n");
    ck_assert_uint_eq(code_count("HTTP_404"), 1);
    finish();
}
END_TEST

static const struct {
    const char *pattern;
    bool fits; /* GET /api/a, sent with a query */
} patterns[] = {
    {"GET /api/a", true},
    {"*", true},
    {"", false},
    {"GET *", true},
    {"* /api/a", true},
    {"*a", true},
    {"*/a", true},
    {"GET /*/a", true},
    {"GET /api/a*", true},
    {"**G**/**a**", true},
    {"*a*a", true},
    {"*a*a*a", false},
    {"POST /api/a", false},
    {"GET /api", false},
    {"GET /api/a/", false},
    {"GET /api/a?q=1", false},
    {"get /api/a", false},
    {"/api/a", false},
};

static void get_with_query(lk_vu *vu)
{
    see("%d", lk_get(vu, "/a?q=1", .query = LK_PAIRS("r", "a"))->status);
}

START_TEST(a_pattern_says_which_requests_are_meant)
{
    begin(get_with_query);
    ck_assert_int_eq(lk_test_answer(test, patterns[_i].pattern, .status = 299), LK_OK);
    run();
    ck_assert_msg(!strcmp(seen, patterns[_i].fits ? "299" : "404"), "\"%s\": %s",
                  patterns[_i].pattern, seen);
    finish();
}
END_TEST

static void get_a_six_times(lk_vu *vu)
{
    for (int i = 0; i < 6; i++)
        see("%d ", lk_get(vu, "/a")->status);
}

START_TEST(what_was_said_last_counts_for_as_often_as_was_said)
{
    begin(get_a_six_times);
    lk_test_answer(test, "*", .status = 500, .times = 5);
    lk_test_answer(test, "GET /api/a", .status = 201, .times = 3);
    lk_test_answer(test, "GET /api/*", .status = 202, .times = 1);
    lk_test_answer(test, "POST *", .status = 203);
    run();
    ck_assert_str_eq(seen, "202 201 201 201 500 500 ");
    finish();
}
END_TEST

static void get_until_teapot(lk_vu *vu)
{
    int status = 0;

    while (status != 418) {
        status = lk_get(vu, "/a")->status;
        see("%d ", status);
        lk_sleep(vu, 1);
        if (status == 200)
            lk_test_answer(test, "*", .status = 201);
    }
}

START_TEST(what_is_said_while_the_test_runs_counts_from_then_on)
{
    begin(get_until_teapot);
    lk_test_answer(test, "*");
    ck_assert(!lk_test_run(test, 1.5));
    lk_test_answer(test, "*", .status = 418);
    run();
    ck_assert_str_eq(seen, "200 201 418 ");
    finish();
}
END_TEST

static void ask_for_what_has_no_body(lk_vu *vu)
{
    lk_response *head = lk_head(vu, "/a");

    see("%s ", lk_header(head, "Content-Length"));
    see_response(head);
    see_response(lk_get(vu, "/none"));
}

START_TEST(what_has_no_body_brings_none)
{
    begin(ask_for_what_has_no_body);
    lk_test_answer(test, "HEAD *", .body = "hello");
    lk_test_answer(test, "GET *", .status = 204, .body = "hello");
    run();
    ck_assert_str_eq(seen, "5 200||0|0|\n204||0|0|\n");
    finish();
}
END_TEST

static void get_little(lk_vu *vu)
{
    see_response(lk_get(vu, "/a", .max_body_bytes = 4, .keep_going = true));
}

START_TEST(a_body_beyond_the_limit_of_the_request_is_a_failure)
{
    begin(get_little);
    lk_test_answer(test, "*", .body = "hello");
    run();
    ck_assert_str_eq(seen, "0||0|0|the answer's body is larger than 4 bytes\n");
    ck_assert_uint_eq(code_count("HTTP_TOO_LARGE"), 1);
    finish();
}
END_TEST

static void get_going(lk_vu *vu)
{
    lk_response *r = lk_get(vu, "/a", .keep_going = true);

    see("%d %s %s", r->status, lk_error(r), lk_header(r, "X"));
}

static const char *const broken_heads[] = {
    "no colon\r\n", "X: 1\r\n\r\nY: 2\r\n",  "X: 1", " X: 1\r\n",
    "X : 1\r\n",    "Content-Length: x\r\n",
};

START_TEST(headers_that_no_client_would_take_are_a_failure)
{
    begin(get_going);
    lk_test_answer(test, "*", .head = broken_heads[_i]);
    run();
    ck_assert_uint_eq(code_count("HTTP_PROTOCOL"), 1);
    ck_assert_msg(strlen(seen) > 4 && !strncmp(seen, "0 ", 2), "%s: %s", broken_heads[_i], seen);
    finish();
}
END_TEST

/* ---- functions that answer ---- */

static void answer_by_function(const struct lk_test_request *request, struct lk_test_answer *answer,
                               void *arg)
{
    char body[64]; /* is gone when the step reads it */
    static char kept[64];

    ck_assert_uint_eq(answer->size, sizeof(*answer));
    ck_assert_int_eq(answer->status, 0);
    see("%s %s %s %" PRIu64 " %" PRId64 "\n%.*s\n%s|%zu\n", request->method, request->url,
        request->step, request->user, request->at_ns,
        (int)(strstr(request->head, "\r\n") - request->head), request->head, request->body,
        request->body_bytes);
    ck_assert_ptr_nonnull(strstr(request->head, "\r\nX-Mark: m1\r\n"));
    ck_assert_ptr_nonnull(strstr(request->head, "\r\nHost: shop.test:8080\r\n"));
    ++*(int *)arg;
    snprintf(body, sizeof(body), "{\"id\":%d}", *(int *)arg);
    memcpy(kept, body, sizeof(body));
    answer->body = kept;
    answer->delay_s = 1;
}

static void log_in_twice(lk_vu *vu)
{
    lk_sleep(vu, 0.5);
    log_in(vu);
    see("\n");
    log_in(vu);
}

START_TEST(a_function_sees_the_request_and_answers_it)
{
    static const char asked[] = "POST /api/auth?next=1 HTTP/1.1\n"
                                "{\"name\":\"ann\",\"number\":9223372036854775807}|43\n";
    char expected[1024];
    int calls = 0;

    snprintf(expected, sizeof(expected),
             "POST /api/auth?next=1 ask 1 500000000\n%s200|{\"id\":1}|8|1|\n1  8\n"
             "POST /api/auth?next=1 ask 1 1500000000\n%s200|{\"id\":2}|8|1|\n2  8",
             asked, asked);
    begin(log_in_twice);
    ck_assert_int_eq(lk_test_handle(test, "POST *", answer_by_function, &calls), LK_OK);
    run();
    ck_assert_str_eq(seen, expected);
    finish();
}
END_TEST

static void answer_nonsense(const struct lk_test_request *request, struct lk_test_answer *answer,
                            void *arg)
{
    (void)request;
    if (arg)
        answer->error = arg;
    else
        answer->status = 42;
}

START_TEST(a_function_that_answers_nonsense_makes_a_failure_that_says_so)
{
    static char error[] = "HTTP_TEAPOT";

    begin(get_going);
    lk_test_handle(test, "*", answer_nonsense, _i ? error : NULL);
    run();
    ck_assert_uint_eq(code_count("HTTP_PROTOCOL"), 1);
    ck_assert_ptr_nonnull(strstr(seen, _i ? "HTTP_TEAPOT" : "42"));
    finish();
}
END_TEST

static void follow_on(lk_vu *vu)
{
    lk_response *r = lk_post(vu, "/login", .json = LK_OBJECT("user", "me"));

    see("%u %s %s\n", r->redirects, r->url, r->body);
    see("%s\n", lk_cookie(vu, "/", "session"));
    lk_sleep(vu, 60);
    see("%s\n", lk_cookie(vu, "/", "session"));
}

/* As in a run: what is tested is what will be done. */
START_TEST(redirects_are_followed_and_cookies_kept_until_their_time_is_over)
{
    begin(follow_on);
    lk_test_answer(test, "POST /api/login", .status = 303,
                   .head = "Location: home\r\nSet-Cookie: session=abc; Path=/; Max-Age=50\r\n");
    lk_test_answer(test, "GET /api/home", .body = "welcome");
    run();
    ck_assert_str_eq(seen, "1 http://shop.test:8080/api/home welcome\nabc\n\n");
    ck_assert_str_eq(scene_requests(test), "POST /api/login@0 GET /api/home@0");
    ck_assert_uint_eq(code_count("HTTP_303"), 1);
    ck_assert_uint_eq(code_count("HTTP_200"), 1);
    finish();
}
END_TEST

/* ---- failures ---- */

static const struct {
    const char *name;
    bool sent;
} failures[] = {
    {"HTTP_TIMEOUT", true},   {"HTTP_DNS", false},      {"HTTP_CONNECT", false},
    {"HTTP_TLS", false},      {"HTTP_RESET", true},     {"HTTP_PROTOCOL", true},
    {"HTTP_TOO_LARGE", true}, {"HTTP_NO_PORTS", false}, {"HTTP_NO_DESCRIPTORS", false},
    {"HTTP_REDIRECTS", true},
};

START_TEST(a_failure_comes_after_its_delay_under_its_name)
{
    begin(get_going);
    ck_assert_int_eq(lk_test_answer(test, "*", .error = failures[_i].name, .delay_s = 2), LK_OK);
    run();
    ck_assert_uint_eq(code_count(failures[_i].name), 1);
    ck_assert_msg(strlen(seen) > 4 && !strncmp(seen, "0 ", 2), "%s", seen);
    ck_assert_str_eq(scene_log(test), "on_init@0 ask@0-2");
    ck_assert_str_eq(scene_requests(test), failures[_i].sent ? "GET /api/a@0" : "");
    ck_assert_uint_eq(lk_result_stats(result, "http")->errors, 1);
    ck_assert_int_eq(lk_result_stats(result, "http")->bytes_sent > 0, failures[_i].sent);
    finish();
}
END_TEST

START_TEST(a_failure_ends_the_step_unless_it_wants_to_go_on)
{
    begin(get_a);
    lk_test_answer(test, "*", .error = "HTTP_RESET");
    run();
    ck_assert_str_eq(seen, "");
    ck_assert_str_eq(scene_log_of(test, 0, "ask"), "ask@0!STEP_FAILED");
    ck_assert_str_eq(lk_test_event_at(test, 1)->message, "GET /api/a got no answer: HTTP_RESET");
    finish();
}
END_TEST

START_TEST(answers_that_are_none_are_refused)
{
    begin(get_a);
    lk_test_answer(test, "*", .status = 299);
    ck_assert_int_eq(lk_test_answer(test, "*", .status = 42), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .status = 100), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .status = 1000), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .status = -1), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .error = "HTTP_TEAPOT"), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .error = "HTTP_CANCELLED"), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .error = "STEP_FAILED"), LK_E_ARG);
    ck_assert_int_eq(lk_test_answer(test, "*", .error = ""), LK_E_ARG);
    run();
    ck_assert_str_eq(seen, "299||0|0|\n");
    finish();
}
END_TEST

/* ---- time ---- */

static void get_patiently(lk_vu *vu)
{
    see_response(lk_get(vu, "/a", .keep_going = true));
    see_response(lk_get(vu, "/a", .keep_going = true, .timeout_s = 0.125));
    see_response(lk_get(vu, "/a", .keep_going = true, .timeout_s = LK_OFF));
}

START_TEST(a_request_has_30_seconds_or_what_was_set)
{
    begin(get_patiently);
    lk_test_answer(test, "*", .delay_s = 3600);
    run();
    ck_assert_str_eq(seen, "0||0|30|timed out while waiting for the answer\n"
                           "0||0|0.125|timed out while waiting for the answer\n"
                           "200||0|3600|\n");
    ck_assert_str_eq(scene_requests(test), "GET /api/a@0 GET /api/a@30 GET /api/a@30.125");
    ck_assert_uint_eq(code_count("HTTP_TIMEOUT"), 2);
    finish();
}
END_TEST

START_TEST(an_answer_one_nanosecond_before_the_time_out_is_in_time)
{
    begin(get_a);
    lk_test_answer(test, "*", .delay_s = 29.999999999);
    run();
    ck_assert_str_eq(scene_log(test), "on_init@0 ask@0-29.999999999");
    finish();
}
END_TEST

START_TEST(an_answer_as_late_as_the_time_out_is_too_late)
{
    begin(get_a);
    lk_test_answer(test, "*", .delay_s = 30);
    run();
    ck_assert_str_eq(scene_log(test), "on_init@0 ask@0-30!STEP_FAILED");
    finish();
}
END_TEST

START_TEST(the_end_of_the_run_cuts_an_exchange_off_which_is_no_failure_of_its)
{
    begin(get_a);
    lk_test_answer(test, "*", .delay_s = 20);
    lk_test_run(test, 1);
    lk_test_stop(test);
    ck_assert(!lk_test_run(test, 4.75));
    run();
    ck_assert_str_eq(scene_log(test), "on_init@0 ask@0-6!STEP_CANCELLED");
    ck_assert_uint_eq(lk_result_stats(result, "http")->cancelled, 1);
    ck_assert_uint_eq(lk_result_stats(result, "http")->errors, 0);
    ck_assert_uint_eq(code_count("HTTP_CANCELLED"), 1);
    finish();
}
END_TEST

static void get_for_ever(lk_vu *vu)
{
    while (!lk_should_stop(vu))
        lk_get(vu, "/a");
}

START_TEST(answers_that_take_no_time_let_the_others_have_their_turn)
{
    begin(get_for_ever);
    lk_test_answer(test, "*");
    lk_test_run(test, 2);
    lk_test_stop(test);
    run();
    ck_assert_str_eq(scene_log(test), "on_init@0 ask@0-2");
    finish();
}
END_TEST

/* ---- samples ---- */

START_TEST(a_sample_is_what_a_real_exchange_of_these_bytes_would_be)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 8\r\n\r\n{\"id\":5}";
    const struct lk_test_request *request;
    const struct lk_stats *stats;

    begin(log_in);
    lk_test_answer(test, "*", .head = "X: 1\r\n", .body = "{\"id\":5}", .delay_s = 0.05);
    run();
    request = lk_test_request_at(test, 0);
    stats = lk_result_stats(result, "ask/POST /api/auth");
    ck_assert_ptr_nonnull(stats);
    ck_assert_uint_eq(stats->count, 1);
    ck_assert_uint_eq(stats->bytes_sent, strlen(request->head) + request->body_bytes);
    ck_assert_uint_eq(stats->bytes_received, sizeof(answer) - 1);
    ck_assert_double_eq_tol(stats->p50_ms, 50, 0.25);
    ck_assert_double_eq_tol(stats->max_ms, 50, 1e-9);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("script");
    TCase *tests = tcase_create("script");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, redirects_are_followed_and_cookies_kept_until_their_time_is_over);
    tcase_add_test(tests, a_step_gets_the_answer_that_the_script_gives);
    tcase_add_test(tests, an_answer_of_which_nothing_is_said_is_200_empty_and_at_once);
    tcase_add_test(tests, what_nothing_answers_is_404);
    tcase_add_loop_test(tests, a_pattern_says_which_requests_are_meant, 0, COUNT(patterns));
    tcase_add_test(tests, what_was_said_last_counts_for_as_often_as_was_said);
    tcase_add_test(tests, what_is_said_while_the_test_runs_counts_from_then_on);
    tcase_add_test(tests, what_has_no_body_brings_none);
    tcase_add_test(tests, a_body_beyond_the_limit_of_the_request_is_a_failure);
    tcase_add_loop_test(tests, headers_that_no_client_would_take_are_a_failure, 0,
                        COUNT(broken_heads));
    tcase_add_test(tests, a_function_sees_the_request_and_answers_it);
    tcase_add_loop_test(tests, a_function_that_answers_nonsense_makes_a_failure_that_says_so, 0, 2);
    tcase_add_loop_test(tests, a_failure_comes_after_its_delay_under_its_name, 0, COUNT(failures));
    tcase_add_test(tests, a_failure_ends_the_step_unless_it_wants_to_go_on);
    tcase_add_test(tests, answers_that_are_none_are_refused);
    tcase_add_test(tests, a_request_has_30_seconds_or_what_was_set);
    tcase_add_test(tests, an_answer_one_nanosecond_before_the_time_out_is_in_time);
    tcase_add_test(tests, an_answer_as_late_as_the_time_out_is_too_late);
    tcase_add_test(tests, the_end_of_the_run_cuts_an_exchange_off_which_is_no_failure_of_its);
    tcase_add_test(tests, answers_that_take_no_time_let_the_others_have_their_turn);
    tcase_add_test(tests, a_sample_is_what_a_real_exchange_of_these_bytes_would_be);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
