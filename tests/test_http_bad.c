/* HTTP against servers that misbehave, are not there, or are late: one counted failure each, the
 * next answer never mistaken, no hang. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "stats/example.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define HELLO OK_LINE "Content-Length: 5\r\n\r\nhello"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define SHORT_S 0.05 /* a time-out for what never comes */

static const struct test_script good = {
    {SRV_READ, SRV_SEND(OK_LINE "Content-Length: 4\r\n\r\nnext"), SRV_AGAIN}};

static struct rig rig;
static struct test_server server;

/* What a user got, in the order of its requests. */
struct got {
    struct {
        int status;
        char body[16];
        char error[160];
    } answers[3];
    int count;
};

static void ask(lk_vu *vu, struct got *got, const struct lk_request *base)
{
    struct lk_request request = *base;
    lk_response *response;

    request.size = sizeof(request);
    request.method = request.method ? request.method : "GET";
    request.url = request.url ? request.url : "/";
    request.keep_going = true;
    response = lk_http(vu, &request);
    got->answers[got->count].status = response->status;
    snprintf(got->answers[got->count].body, sizeof(got->answers[0].body), "%s", response->body);
    snprintf(got->answers[got->count].error, sizeof(got->answers[0].error), "%s",
             lk_error(response));
    got->count++;
}

static void got_next(const struct got *got, int at, const char *what)
{
    ck_assert_msg(got->answers[at].status == 200, "%s: then: %d %s", what, got->answers[at].status,
                  got->answers[at].error);
    ck_assert_msg(!strcmp(got->answers[at].body, "next"), "%s: then: '%s'", what,
                  got->answers[at].body);
}

/* A server for connections that follow scripts, then good ones. */
static void serve(const struct test_script *scripts, size_t count)
{
    struct test_script all[8];

    ck_assert_uint_lt(count, LKI_COUNT(all));
    memcpy(all, scripts, count * sizeof(*scripts));
    all[count] = good;
    test_server_start(&server, all, count + 1);
    rig_open(&rig);
}

static void finish(void)
{
    rig_close(&rig);
    test_server_stop(&server);
}

/* ---- bad answers */

#define INTERIM "HTTP/1.1 102 Processing\r\n\r\n"
#define INTERIM_6 INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM
#define INTERIM_60                                                                                 \
    INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6 INTERIM_6      \
        INTERIM_6

static const struct bad_case {
    struct test_script script;
    lki_code code;
    const char *error;
} bad_cases[] = {
    /* the connection goes */
    {{{SRV_CLOSE}}, LKI_CODE_HTTP_RESET, "after 0 bytes"},
    {{{SRV_READ, SRV_CLOSE}}, LKI_CODE_HTTP_RESET, "closed by the server after 0 bytes"},
    {{{SRV_READ, SRV_RESET}}, LKI_CODE_HTTP_RESET, "after 0 bytes"},
    {{{SRV_READ, SRV_SEND("HTTP"), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, "after 4 bytes"},
    {{{SRV_READ, SRV_SEND(OK_LINE), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, "after 17 bytes"},
    {{{SRV_READ, SRV_SEND(OK_LINE "A: b\r\nC"), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, "after 24 bytes"},
    {{{SRV_READ, SRV_SEND("HTTP/1.1 100 Continue\r\n\r\n"), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, ""},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\nhello"), SRV_CLOSE}},
     LKI_CODE_HTTP_RESET,
     "after 5 of 10 bytes"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 10\r\n\r\n"), SRV_CLOSE}},
     LKI_CODE_HTTP_RESET,
     "after 0 of 10 bytes"},
    {{{SRV_READ, SRV_SEND(CHUNKED "5\r\nhel"), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, ""},
    {{{SRV_READ, SRV_SEND(CHUNKED "5\r\nhello\r\n"), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, ""},
    {{{SRV_READ, SRV_SEND(CHUNKED "5\r\nhello\r\n0\r\n"), SRV_CLOSE}}, LKI_CODE_HTTP_RESET, ""},
    /* not HTTP */
    {{{SRV_READ, SRV_SEND("SSH-2.0-OpenSSH_9.2\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "not an HTTP/1"},
    {{{SRV_SEND("220 mail ready\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "not an HTTP/1"},
    {{{SRV_READ, SRV_SEND("\0")}}, LKI_CODE_HTTP_PROTOCOL, "not an HTTP/1"},
    {{{SRV_READ, SRV_SEND("HTTP/2 200\r\n\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "not an HTTP/1"},
    {{{SRV_READ, SRV_FILL(100000)}}, LKI_CODE_HTTP_PROTOCOL, "not an HTTP/1"},
    {{{SRV_READ, SRV_SEND("HTTP/1.1 101 Switching\r\n\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "101"},
    {{{SRV_READ, SRV_SEND(INTERIM_60)}}, LKI_CODE_HTTP_PROTOCOL, "interim answers without end"},
    /* heads */
    {{{SRV_READ, SRV_SEND(OK_LINE "X: "), SRV_FILL(200000)}}, LKI_CODE_HTTP_PROTOCOL, "limit"},
    {{{SRV_READ, SRV_SEND(OK_LINE "A b\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "space in the name"},
    {{{SRV_READ, SRV_SEND(OK_LINE " folded: x\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "folded"},
    {{{SRV_READ, SRV_SEND(OK_LINE "A: b\0c\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "NUL"},
    /* lengths */
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: -1\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     "not a number"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")}},
     LKI_CODE_HTTP_PROTOCOL,
     "two different"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 99999999999999999999\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     "too large"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 9223372036854775807\r\n\r\n")}},
     LKI_CODE_HTTP_TOO_LARGE,
     "larger than 1000000 bytes"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Content-Length: 1000001\r\n\r\n"), SRV_FILL(1000001)}},
     LKI_CODE_HTTP_TOO_LARGE,
     "larger than 1000000 bytes"},
    {{{SRV_READ, SRV_SEND(OK_LINE "\r\n"), SRV_FILL(90000000)}},
     LKI_CODE_HTTP_TOO_LARGE,
     "larger than 1000000 bytes"},
    {{{SRV_READ, SRV_SEND(CHUNKED "5000000\r\n"), SRV_FILL(90000000)}},
     LKI_CODE_HTTP_TOO_LARGE,
     "larger than 1000000 bytes"},
    {{{SRV_READ,
       SRV_SEND(OK_LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     "both"},
    {{{SRV_READ, SRV_SEND(OK_LINE "Transfer-Encoding: gzip\r\n\r\n")}},
     LKI_CODE_HTTP_PROTOCOL,
     "other than chunked"},
    /* chunks */
    {{{SRV_READ, SRV_SEND(CHUNKED "x\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "without a size"},
    {{{SRV_READ, SRV_SEND(CHUNKED "-5\r\nhello\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "without a size"},
    {{{SRV_READ, SRV_SEND(CHUNKED "ffffffffffffffff\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "too large"},
    {{{SRV_READ, SRV_SEND(CHUNKED "5\r\nhello5\r\n")}}, LKI_CODE_HTTP_PROTOCOL, "CRLF"},
    {{{SRV_READ, SRV_SEND(CHUNKED "5;"), SRV_FILL(100000)}}, LKI_CODE_HTTP_PROTOCOL, "limit"},
    {{{SRV_READ, SRV_SEND(CHUNKED "0\r\nX: "), SRV_FILL(100000)}},
     LKI_CODE_HTTP_PROTOCOL,
     "trailers"},
};

static void bad_run(lk_vu *vu, void *arg)
{
    static const struct lk_request bad = {.max_body_bytes = 1000000};
    static const struct lk_request then = {.method = "GET"};
    struct got *got = arg;

    lk_http_base_url(vu, server.url);
    ask(vu, got, &bad);
    ask(vu, got, &then);
}

/* The first failure is told of with its request, of which a line is kept if it was sent. */
static void told(const char *name, const char *error, const char *request)
{
    char message[200];

    snprintf(message, sizeof(message), "%s: %s", name, error);
    ck_assert_str_eq(rig.metrics.first_error->message, message);
    ck_assert_str_eq(rig.metrics.first->examples->request, request);
}

/* Odd _i: the same, byte by byte. */
START_TEST(a_bad_answer_is_one_failure_and_the_next_answer_is_right)
{
    const struct bad_case *want = &bad_cases[_i / 2];
    struct test_script script = want->script;
    struct got got = {.count = 0};

    for (size_t i = 0; _i % 2 && i < TEST_SCRIPT_MAX; i++) {
        if (script.acts[i].act == ACT_SEND)
            script.acts[i].act = ACT_DRIP;
    }
    serve(&script, 1);
    rig_add(&rig, bad_run, &got);
    rig_run(&rig);
    ck_assert_int_eq(got.answers[0].status, 0);
    ck_assert_msg(strstr(got.answers[0].error, want->error) != NULL, "%d: '%s' not '%s'", _i,
                  got.answers[0].error, want->error);
    ck_assert_str_eq(got.answers[0].body, "");
    got_next(&got, 1, got.answers[0].error);
    ck_assert_msg(rig_count(&rig, want->code) == 1, "%d: not %s", _i, lki_code_name(want->code));
    told("GET /", got.answers[0].error, "GET / HTTP/1.1");
    ck_assert_uint_eq(rig_count(&rig, 200), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 2);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 1);
    ck_assert_uint_eq(rig.metrics.totals->http_retries, 0);
    ck_assert_uint_eq(test_server_settle(&server)->connections, 2);
    finish();
}
END_TEST

/* The reset may come while the client still connects. */
START_TEST(a_connection_that_is_reset_at_once_is_one_failure)
{
    static const struct test_script script = {{SRV_RESET}};
    struct got got = {.count = 0};

    serve(&script, 1);
    rig_add(&rig, bad_run, &got);
    rig_run(&rig);
    ck_assert_int_eq(got.answers[0].status, 0);
    got_next(&got, 1, "after a reset");
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_RESET) + rig_count(&rig, LKI_CODE_HTTP_CONNECT),
                      1);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 1);
    finish();
}
END_TEST

static void failing_run(lk_vu *vu, void *arg)
{
    int *steps = arg;

    lk_http_base_url(vu, server.url);
    *steps = 1;
    lk_get(vu, "/some/path");
    *steps = 2;
}

START_TEST(a_failed_exchange_ends_the_step_with_what_was_being_done)
{
    static const struct test_script script = {{SRV_READ, SRV_CLOSE}};
    struct rig_user *user;
    int steps = 0;

    serve(&script, 1);
    user = rig_add(&rig, failing_run, &steps);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_str_eq(user->message, "GET /some/path got no answer: HTTP_RESET");
    ck_assert_int_eq(steps, 1);
    finish();
}
END_TEST

/* ---- what never comes, or late */

static void stalled_run(lk_vu *vu, void *arg)
{
    static const struct lk_request stalled = {.timeout_s = SHORT_S};
    static const struct lk_request then = {.method = "GET"};
    struct got *got = arg;

    lk_http_base_url(vu, server.url);
    ask(vu, got, &stalled);
    ask(vu, got, &then);
}

static const char *const stalls[] = {
    OK_LINE "Server: x\r\nContent-Length: 5\r\n\r\nhello",
    OK_LINE "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
};

/* One user for every place: the n-th connection is left waiting after n bytes. */
START_TEST(a_stall_at_any_byte_is_one_time_out)
{
    size_t len = strlen(stalls[_i]);
    struct test_script *scripts = calloc(len + 1, sizeof(*scripts));
    struct got *gots = calloc(len, sizeof(*gots));
    uint64_t unsent;

    ck_assert(scripts && gots);
    for (size_t i = 0; i < len; i++) {
        scripts[i].acts[0] = (struct test_action)SRV_READ;
        scripts[i].acts[1] = (struct test_action)SRV_BYTES(stalls[_i], i);
        scripts[i].acts[2] = (struct test_action)SRV_STALL;
    }
    scripts[len] = good;
    test_server_start(&server, scripts, len + 1);
    rig_open(&rig);
    for (size_t i = 0; i < len; i++)
        rig_add(&rig, stalled_run, &gots[i]);
    rig_run(&rig);
    for (size_t i = 0; i < len; i++) {
        ck_assert_int_eq(gots[i].answers[0].status, 0);
        ck_assert_ptr_nonnull(strstr(gots[i].answers[0].error, "timed out while"));
        got_next(&gots[i], 1, "after a stall");
    }
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), len);
    ck_assert_uint_eq(rig_count(&rig, 200), len);
    unsent = rig.metrics.totals->http_unsent; /* those whose time was over before they came to it */
    rig_close(&rig);
    ck_assert_uint_lt(unsent, len);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 2 * len - unsent);
    test_server_stop(&server);
    free(scripts);
    free(gots);
}
END_TEST

static void late_run(lk_vu *vu, void *arg)
{
    static const struct lk_request then = {.method = "GET"};

    stalled_run(vu, arg);
    while (test_server_settle(&server)->answers < 2)
        lk_sleep(vu, 0);
    ask(vu, arg, &then);
}

/* The clock stands while it looks around: the time of the first request is up once the server has
 * it, however slow the machine, and that of the others never. */
static void timing_run(lk_vu *vu, void *arg)
{
    const struct got *got = arg;

    while (!test_server_settle(&server)->requests)
        lk_sleep(vu, 0);
    vu->loop->clock.fake_ns += lki_ns(SHORT_S);
    while (got->count < 3)
        lk_sleep(vu, 0);
}

START_TEST(a_late_answer_never_answers_the_next_request)
{
    static const struct test_script script = {{SRV_READ, SRV_AWAIT(2), SRV_SEND(HELLO)}};
    struct got got = {.count = 0};

    serve(&script, 1);
    rig.loop.clock.fake = true;
    rig_add(&rig, late_run, &got);
    rig_add(&rig, timing_run, &got);
    rig_run(&rig);
    ck_assert_str_eq(got.answers[0].error, "timed out while waiting for the answer");
    got_next(&got, 1, "before the late answer");
    got_next(&got, 2, "after the late answer");
    ck_assert_uint_eq(test_server_settle(&server)->connections, 2);
    finish();
}
END_TEST

static void waiting_run(lk_vu *vu, void *arg)
{
    static const struct lk_request patient = {.timeout_s = LK_OFF};
    struct got *got = arg;

    lk_http_base_url(vu, server.url);
    ask(vu, got, &patient);
}

START_TEST(a_step_whose_time_is_up_leaves_its_exchange_as_a_counted_time_out)
{
    static const struct test_script script = {{SRV_READ, SRV_STALL}};
    struct got got = {.count = 0};
    struct rig_user *user;

    serve(&script, 1);
    user = rig_add(&rig, waiting_run, &got);
    user->timeout_ns = lki_ns(SHORT_S);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_TIMEOUT);
    ck_assert_int_eq(got.count, 0);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    ck_assert_ptr_null(user->vu.http.session.conns);
    finish();
}
END_TEST

static void cutting_run(lk_vu *vu, void *arg)
{
    (void)arg;
    while (test_server_settle(&server)->requests < 3)
        lk_sleep(vu, 0.001);
    lki_tasks_cut(vu->loop);
}

START_TEST(an_exchange_cut_off_by_the_end_of_the_run_is_counted_but_no_error)
{
    static const struct test_script scripts[3] = {
        {{SRV_READ, SRV_STALL}}, {{SRV_READ, SRV_STALL}}, {{SRV_READ, SRV_STALL}}};
    struct got gots[3] = {{.count = 0}};
    struct rig_user *users[3];

    serve(scripts, 3);
    for (size_t i = 0; i < 3; i++)
        users[i] = rig_add(&rig, waiting_run, &gots[i]);
    rig_add(&rig, cutting_run, NULL);
    rig_run(&rig);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(users[i]->outcome, LKI_OUTCOME_CANCELLED);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_CANCELLED), 3);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 3);
    ck_assert_uint_eq(rig.metrics.totals->http_errors, 0);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 0);
    finish();
}
END_TEST

/* ---- connections that were closed while idle */

struct two {
    const char *method; /* of the second request */
    struct got got;
};

static void two_run(lk_vu *vu, void *arg)
{
    static const struct lk_request first = {.method = "GET"};
    struct two *two = arg;
    struct lk_request second = {.method = two->method, .body = *two->method == 'P' ? "x" : NULL};

    lk_http_base_url(vu, server.url);
    ask(vu, &two->got, &first);
    ask(vu, &two->got, &second);
}

static const struct retry_case {
    const char *method;
    bool again;
} retry_cases[] = {
    {"GET", true},     {"HEAD", true},  {"PUT", true},    {"DELETE", true},
    {"OPTIONS", true}, {"POST", false}, {"PATCH", false}, {"PURGE", false},
};

/* The server takes the second request in, and resets when its kernel has acknowledged it. */
START_TEST(a_request_on_a_connection_that_is_reset_is_sent_again_if_that_is_safe)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(HELLO), SRV_READ, SRV_SLEEP(300), SRV_RESET}};
    const struct retry_case *want = &retry_cases[_i];
    struct two two = {.method = want->method};

    serve(&script, 1);
    rig_add(&rig, two_run, &two);
    rig_run(&rig);
    ck_assert_int_eq(two.got.answers[0].status, 200);
    ck_assert_int_eq(two.got.answers[1].status, want->again ? 200 : 0);
    ck_assert_uint_eq(rig_count(&rig, 200), want->again ? 2 : 1);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_RESET), want->again ? 0 : 1);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 2);
    ck_assert_uint_eq(rig.metrics.totals->http_retries, want->again ? 1 : 0);
    ck_assert_uint_eq(test_server_settle(&server)->requests, want->again ? 3 : 2);
    finish();
}
END_TEST

/* An end of stream behind a request that was acknowledged: the server has read it. */
START_TEST(a_request_that_the_server_read_before_it_closed_is_not_sent_again)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(HELLO), SRV_READ, SRV_CLOSE}};
    struct two two = {.method = retry_cases[_i].method};

    serve(&script, 1);
    rig_add(&rig, two_run, &two);
    rig_run(&rig);
    ck_assert_int_eq(two.got.answers[1].status, 0);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_RESET), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_retries, 0);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 0);
    ck_assert_uint_eq(test_server_settle(&server)->requests, 2);
    finish();
}
END_TEST

START_TEST(a_request_is_sent_again_only_once)
{
    static const struct test_script scripts[2] = {
        {{SRV_READ, SRV_SEND(HELLO), SRV_READ, SRV_RESET}}, {{SRV_READ, SRV_CLOSE}}};
    struct two two = {.method = "GET"};

    serve(scripts, 2);
    rig_add(&rig, two_run, &two);
    rig_run(&rig);
    ck_assert_int_eq(two.got.answers[1].status, 0);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_RESET), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_retries, 1);
    ck_assert_uint_eq(test_server_settle(&server)->connections, 2);
    finish();
}
END_TEST

static void idle_run(lk_vu *vu, void *arg)
{
    static const struct lk_request request = {.method = "POST", .body = "x"};
    struct got *got = arg;

    lk_http_base_url(vu, server.url);
    ask(vu, got, &request);
    while (vu->http.session.conns)
        lk_sleep(vu, 0.001);
    ask(vu, got, &request);
}

static const struct test_script idle_scripts[] = {
    {{SRV_READ, SRV_SEND(HELLO), SRV_SLEEP(200), SRV_CLOSE}},
    {{SRV_READ, SRV_SEND(HELLO), SRV_SLEEP(200), SRV_RESET}},
    {{SRV_READ, SRV_SEND(HELLO), SRV_SLEEP(200), SRV_SEND(HELLO)}},
    {{SRV_READ, SRV_SEND(HELLO), SRV_SLEEP(200), SRV_SEND("\r\n")}},
};

START_TEST(anything_on_an_idle_connection_closes_it)
{
    struct got got = {.count = 0};

    serve(&idle_scripts[_i], 1);
    rig_add(&rig, idle_run, &got);
    rig_run(&rig);
    ck_assert_str_eq(got.answers[0].body, "hello");
    got_next(&got, 1, "after the idle connection");
    ck_assert_uint_eq(rig.metrics.totals->http_retries, 0);
    ck_assert_uint_eq(test_server_settle(&server)->connections, 2);
    finish();
}
END_TEST

static const struct large_tail_case {
    const char *head;
    size_t bytes;
    const char *tail;
} large_tails[] = {
    /* the last byte comes with what does not belong to the body: later it could not be told */
    {OK_LINE "Content-Length: 200001\r\n\r\n", 200000, "x" HELLO},
    {CHUNKED "30d40\r\n", 200000, "\r\n0\r\n\r\n" HELLO},
};

START_TEST(what_comes_behind_a_large_body_is_not_the_next_answer)
{
    const struct large_tail_case *want = &large_tails[_i];
    struct test_script script = {{SRV_READ, SRV_BYTES(want->head, strlen(want->head)),
                                  SRV_FILL(want->bytes),
                                  SRV_BYTES(want->tail, strlen(want->tail))}};
    struct two two = {.method = "GET"};

    serve(&script, 1);
    rig_add(&rig, two_run, &two);
    rig_run(&rig);
    ck_assert_int_eq(two.got.answers[0].status, 200);
    got_next(&two.got, 1, "after a large body");
    finish();
}
END_TEST

/* ---- requests that cannot be sent */

struct upload {
    double timeout_s;
    struct got got;
};

static void upload_run(lk_vu *vu, void *arg)
{
    static char body[20000000];
    struct upload *upload = arg;
    struct lk_request request = {
        .method = "POST", .body = body, .body_bytes = sizeof(body), .timeout_s = upload->timeout_s};

    lk_http_base_url(vu, server.url);
    ask(vu, &upload->got, &request);
}

START_TEST(a_request_that_is_not_taken_in_whole_counts_as_unsent)
{
    static const struct test_script script = {{SRV_STALL}};
    struct upload upload = {.timeout_s = SHORT_S};

    serve(&script, 1);
    rig_add(&rig, upload_run, &upload);
    rig_run(&rig);
    ck_assert_str_eq(upload.got.answers[0].error, "timed out while sending");
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TIMEOUT), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 1);
    finish();
}
END_TEST

START_TEST(an_answer_that_comes_before_the_request_is_out_counts)
{
    static const struct test_script script = {
        {SRV_SEND("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!"), SRV_STALL}};
    struct upload upload = {.timeout_s = 20};

    serve(&script, 1);
    rig_add(&rig, upload_run, &upload);
    rig_run(&rig);
    ck_assert_msg(upload.got.answers[0].status == 413, "%s", upload.got.answers[0].error);
    ck_assert_str_eq(upload.got.answers[0].body, "no!");
    ck_assert_ptr_null(rig.users->vu.http.session.conns);
    finish();
}
END_TEST

static void lost_run(lk_vu *vu, void *arg)
{
    static const struct lk_request request = {.method = "GET"};
    struct got *got = arg;

    lk_http_base_url(vu, server.url);
    ask(vu, got, &request);
    ask(vu, got, &request);
}

/* Whether nobody is to look the server up again before their time. */
static bool addresses_stand(void)
{
    return rig.http.origins.first->fresh_until_ns > lki_loop_now(&rig.loop) + 10 * LKI_NS_PER_S;
}

START_TEST(a_refused_port_is_named_and_counted_as_unsent)
{
    struct got got = {.count = 0};
    char url[sizeof(server.url)];
    char error[128];

    serve(&good, 1);
    memcpy(url, server.url, sizeof(url));
    test_server_stop(&server);
    memcpy(server.url, url, sizeof(url));
    rig_add(&rig, lost_run, &got);
    rig_run(&rig);
    snprintf(error, sizeof(error), "cannot connect to %s: Connection refused", url + 7);
    ck_assert_str_eq(got.answers[0].error, error);
    told("GET /", error, "");
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_CONNECT), 2);
    ck_assert_uint_eq(rig.metrics.totals->http_requests, 2);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 2);
    ck_assert(!addresses_stand());
    rig_close(&rig);
}
END_TEST

/* A label longer than names may have: known to be none without asking anyone. */
#define NO_NAME "a123456789b123456789c123456789d123456789e123456789f123456789g123456789"

START_TEST(an_unknown_name_is_named_and_counted_as_unsent)
{
    struct got got = {.count = 0};

    snprintf(server.url, sizeof(server.url), "http://%.*s", (int)sizeof(server.url) - 8, NO_NAME);
    rig_open(&rig);
    rig_add(&rig, lost_run, &got);
    rig_run(&rig);
    ck_assert_msg(strstr(got.answers[0].error, "cannot look up a123456789b") ==
                      got.answers[0].error,
                  "%s", got.answers[0].error);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_DNS), 2);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 2);
    rig_close(&rig);
}
END_TEST

static void scarce_run(lk_vu *vu, void *arg)
{
    static const struct lk_request request = {.method = "GET"};
    struct got *got = arg;
    struct rlimit limit;
    struct rlimit none = {.rlim_cur = 0};

    getrlimit(RLIMIT_NOFILE, &limit);
    none.rlim_max = limit.rlim_max;
    lk_http_base_url(vu, server.url);
    setrlimit(RLIMIT_NOFILE, &none);
    ask(vu, got, &request);
    setrlimit(RLIMIT_NOFILE, &limit);
    ask(vu, got, &request);
}

START_TEST(no_descriptors_left_is_named_and_survived)
{
    struct got got = {.count = 0};

    serve(&good, 1);
    rig_add(&rig, scarce_run, &got);
    rig_run(&rig);
    ck_assert_ptr_nonnull(strstr(got.answers[0].error, "Too many open files"));
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_NO_DESCRIPTORS), 1);
    ck_assert_uint_eq(rig.metrics.totals->http_unsent, 1);
    got_next(&got, 1, "when there are descriptors again");
    ck_assert(addresses_stand());
    finish();
}
END_TEST

static void cut_at_once_run(lk_vu *vu, void *arg)
{
    static const struct lk_request request = {.method = "GET"};

    lk_http_base_url(vu, server.url);
    lki_tasks_cut(vu->loop);
    ask(vu, arg, &request);
}

START_TEST(who_is_cut_off_while_connecting_says_nothing_of_the_addresses)
{
    struct got got = {.count = 0};

    serve(&good, 1);
    rig_add(&rig, cut_at_once_run, &got);
    rig_run(&rig);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_CANCELLED), 1);
    ck_assert(addresses_stand());
    finish();
}
END_TEST

static Suite *http_bad_suite(void)
{
    Suite *suite = suite_create("http_bad");
    TCase *bad = tcase_create("bad answers");
    TCase *late = tcase_create("late and never");
    TCase *idle = tcase_create("idle connections");
    TCase *unsent = tcase_create("unsent");

    tcase_add_loop_test(bad, a_bad_answer_is_one_failure_and_the_next_answer_is_right, 0,
                        2 * LKI_COUNT(bad_cases));
    tcase_add_test(bad, a_connection_that_is_reset_at_once_is_one_failure);
    tcase_add_test(bad, a_failed_exchange_ends_the_step_with_what_was_being_done);
    tcase_add_loop_test(late, a_stall_at_any_byte_is_one_time_out, 0, LKI_COUNT(stalls));
    tcase_add_test(late, a_late_answer_never_answers_the_next_request);
    tcase_add_test(late, a_step_whose_time_is_up_leaves_its_exchange_as_a_counted_time_out);
    tcase_add_test(late, an_exchange_cut_off_by_the_end_of_the_run_is_counted_but_no_error);
    tcase_add_loop_test(idle, a_request_on_a_connection_that_is_reset_is_sent_again_if_that_is_safe,
                        0, LKI_COUNT(retry_cases));
    tcase_add_loop_test(idle, a_request_that_the_server_read_before_it_closed_is_not_sent_again, 0,
                        LKI_COUNT(retry_cases));
    tcase_add_test(idle, a_request_is_sent_again_only_once);
    tcase_add_loop_test(idle, anything_on_an_idle_connection_closes_it, 0, LKI_COUNT(idle_scripts));
    tcase_add_loop_test(idle, what_comes_behind_a_large_body_is_not_the_next_answer, 0,
                        LKI_COUNT(large_tails));
    tcase_add_test(unsent, a_request_that_is_not_taken_in_whole_counts_as_unsent);
    tcase_add_test(unsent, an_answer_that_comes_before_the_request_is_out_counts);
    tcase_add_test(unsent, a_refused_port_is_named_and_counted_as_unsent);
    tcase_add_test(unsent, an_unknown_name_is_named_and_counted_as_unsent);
    tcase_add_test(unsent, no_descriptors_left_is_named_and_survived);
    tcase_add_test(unsent, who_is_cut_off_while_connecting_says_nothing_of_the_addresses);
    suite_add_tcase(suite, bad);
    suite_add_tcase(suite, late);
    suite_add_tcase(suite, idle);
    suite_add_tcase(suite, unsent);
    return suite;
}

int main(void)
{
    return suite_run(http_bad_suite());
}
