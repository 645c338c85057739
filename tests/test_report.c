/* The report: key facts, widths that are kept, columns that stand below each other. */
#include "report/compare.h"
#include "report/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/errors.h"
#include "report/layout.h"
#include "stats/example.h"
#include "support/suite.h"

static struct lki_metrics metrics;
static struct lki_result result;
static char *text; /* the last report */

static struct lki_result_settings settings;

static void setup(void)
{
    lki_metrics_init(&metrics, 0, 0);
    settings = (struct lki_result_settings){
        .program = "shop",
        .seed = 42,
        .duration_ns = 30 * LKI_NS_PER_S,
        .users = 1200,
        .workers = 1,
        .ended_by = "duration",
    };
}

static void teardown(void)
{
    free(text);
    text = NULL;
    lki_result_release(&result);
    lki_metrics_release(&metrics);
}

static void request(const char *step, const char *name, lki_code code, enum lki_verdict verdict,
                    int64_t latency_ns, int times)
{
    struct lki_sample sample = {.code = code,
                                .verdict = verdict,
                                .latency_ns = latency_ns,
                                .late_ns = -1,
                                .bytes_sent = 100,
                                .bytes_received = 1000,
                                .phase_ns = {-1, -1, -1, 2000, latency_ns, 3000}};
    struct lki_metric *metric = lki_metrics_find(&metrics, LKI_SOURCE_HTTP, step, name,
                                                 strlen(name));

    for (int i = 0; i < times; i++)
        lki_metric_record(metric, &sample);
}

static void simple(enum lki_source source, const char *name, lki_code code,
                   enum lki_verdict verdict, int64_t latency_ns, int times)
{
    struct lki_metric *metric = lki_metrics_find(&metrics, source, "", name, strlen(name));

    metrics.totals->iterations += source == LKI_SOURCE_STEP ? (uint64_t)times : 0;
    for (int i = 0; i < times; i++)
        lki_metric_record_simple(metric, code, verdict, latency_ns);
}

static void step(const char *name, lki_code code, int64_t latency_ns, int times)
{
    simple(LKI_SOURCE_STEP, name, code, code == LKI_CODE_STEP_OK ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR,
           latency_ns, times);
}

/* A little of everything, with names of many widths. */
static void record_run(void)
{
    request("on_start", "GET /config", 200, LKI_SAMPLE_OK, 3000000, 7);
    simple(LKI_SOURCE_LIFECYCLE, "on_start", LKI_CODE_LIFECYCLE_OK, LKI_SAMPLE_OK, 1000000, 200);
    simple(LKI_SOURCE_LIFECYCLE, "on_start", LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, 1000000,
           3);
    request("login", "POST /auth", 200, LKI_SAMPLE_OK, 12345678, 1188);
    request("login", "POST /auth", 503, LKI_SAMPLE_ERROR, 12345678, 10);
    request("login", "POST /auth", LKI_CODE_HTTP_TIMEOUT, LKI_SAMPLE_ERROR, 30 * LKI_NS_PER_S, 2);
    request("login", "POST /auth", LKI_CODE_HTTP_CANCELLED, LKI_SAMPLE_CANCELLED, 0, 4);
    step("login", LKI_CODE_STEP_OK, 12400000, 1188);
    step("login", LKI_CODE_STEP_FAILED, 12400000, 10);
    step("login", LKI_CODE_STEP_TIMEOUT, 30 * LKI_NS_PER_S, 2);
    request("catalog", "GET /catalog", 200, LKI_SAMPLE_OK, 850000, 36000);
    request("catalog", "GET /api/v2/customers/{id}/orders/{id}/lines", 200, LKI_SAMPLE_OK, 99999999,
            36);
    request("catalog",
            "GET /gr\xc3\xb6\xc3\x9f"
            "e/\xe6\x97\xa5\xe6\x9c\xac",
            404, LKI_SAMPLE_ERROR, 2000000, 1);
    step("catalog", LKI_CODE_STEP_OK, 900000, 36000);
    for (int i = 0; i < 10; i++)
        lki_metrics_error(&metrics, LKI_SOURCE_STEP, "login", LKI_CODE_STEP_FAILED,
                          "login returned HTTP 503", 17);
    lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "on_start", LKI_CODE_LIFECYCLE_FAILED,
                      "resource users is empty, and this is a long story that has to be told in "
                      "more than a line of a terminal of any usual width, whatever it costs",
                      3);
    metrics.totals->http_unsent = 3;
    metrics.totals->http_retries = 2;
}

static void print(bool colour, int columns)
{
    size_t len;
    FILE *out;

    free(text);
    text = NULL;
    out = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(out);
    lki_report_text(&result, out, colour, columns);
    fclose(out);
}

static void report(int columns)
{
    lki_result_release(&result);
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, NULL), LK_OK);
    print(false, columns);
}

static void has(const char *what)
{
    ck_assert_msg(strstr(text, what) != NULL, "no \"%s\" in:\n%s", what, text);
}

static void has_not(const char *what)
{
    ck_assert_msg(strstr(text, what) == NULL, "\"%s\" in:\n%s", what, text);
}

static void lines_verify(int columns)
{
    const char *line = text;

    while (*line) {
        const char *end = strchr(line, '\n');
        size_t len;

        ck_assert_ptr_nonnull(end);
        len = (size_t)(end - line);
        ck_assert_msg(lki_text_width(line, len) <= (size_t)columns, "at %d columns: \"%.*s\"",
                      columns, (int)len, line);
        ck_assert_msg(!len || line[len - 1] != ' ', "at %d columns: \"%.*s\"", columns, (int)len,
                      line);
        line = end + 1;
    }
}

START_TEST(the_verdict_comes_first)
{
    record_run();
    report(80);
    ck_assert(!strncmp(
        text, "NOT WELL: 0.03% of requests and 1.48% of on_start failed\n37,248 requests ", 73));
    has("37,248 requests in 30.0s (1,242/s), 13 failed (0.03%), p50 ");
}
END_TEST

START_TEST(the_first_word_tells_how_well_the_target_is)
{
    step("s", LKI_CODE_STEP_OK, 5000000, 1000);
    report(80);
    ck_assert(!strncmp(text, "PASSED\n1,000 steps in 30.0s (33.3/s), none failed", 48));
    step("s", LKI_CODE_STEP_FAILED, 5000000, 9);
    report(80);
    ck_assert(!strncmp(text, "PASSED, though 0.89% of steps failed\n", 37));
    step("s", LKI_CODE_STEP_FAILED, 5000000, 9);
    simple(LKI_SOURCE_CHECK, "it is there", LKI_CODE_CHECK_FAILED, LKI_SAMPLE_ERROR, 0, 3);
    simple(LKI_SOURCE_CHECK, "it is there", LKI_CODE_CHECK_OK, LKI_SAMPLE_OK, 0, 9);
    report(80);
    ck_assert(!strncmp(text, "NOT WELL: 1.77% of steps and 25.0% of checks failed\n", 52));
    print(true, 80);
    ck_assert(!strncmp(text, "\x1b[1m\x1b[31mNOT WELL", 17));
}
END_TEST

START_TEST(all_that_failed_tells_how_well_the_target_is)
{
    request("s", "GET /", 200, LKI_SAMPLE_OK, 1000000, 999);
    request("s", "GET /", 500, LKI_SAMPLE_ERROR, 1000000, 1);
    step("s", LKI_CODE_STEP_OK, 1000000, 99);
    step("s", LKI_CODE_STEP_FAILED, 1000000, 1);
    report(80);
    has("NOT WELL: 0.10% of requests and 1.00% of steps failed\n");
    step("s", LKI_CODE_STEP_OK, 1000000, 900);
    report(80);
    has("PASSED, though 0.10% of requests failed\n");
    step("s", LKI_CODE_STEP_FAILED, 1000000, 1);
    report(80);
    has("PASSED, though 0.10% of requests and 0.20% of steps failed\n");
    simple(LKI_SOURCE_JSONRPC, "pay", LKI_CODE_JSONRPC_TIMEOUT, LKI_SAMPLE_ERROR, 1000000, 3);
    simple(LKI_SOURCE_CUSTOM, "own", LKI_CODE_METRIC_OK, LKI_SAMPLE_OK, 1000000, 1);
    simple(LKI_SOURCE_LIFECYCLE, "on_start", LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, 1000, 2);
    simple(LKI_SOURCE_LIFECYCLE, "on_init", LKI_CODE_LIFECYCLE_OK, LKI_SAMPLE_OK, 1000, 2);
    report(120);
    has("NOT WELL: 0.10% of requests, 0.20% of steps, 75.0% of other samples and 100% of on_start "
        "failed\n");
}
END_TEST

START_TEST(requests_of_probes_do_not_tell_how_well_the_target_is)
{
    struct lki_probe_log probe = {.name = "health"};

    settings.probes = &probe;
    settings.probe_count = 1;
    step("s", LKI_CODE_STEP_OK, 1000000, 2);
    request("health", "GET /health", LKI_CODE_HTTP_CONNECT, LKI_SAMPLE_ERROR, 1000000, 1);
    report(80);
    has("PASSED\n1 request in 30.0s (0.03/s), 1 failed (100%), 1 of them of probes,");
    request("s", "GET /", 200, LKI_SAMPLE_OK, 1000000, 99);
    request("s", "GET /", 500, LKI_SAMPLE_ERROR, 1000000, 1);
    report(80);
    has("NOT WELL: 1.00% of requests failed\n101 requests in 30.0s");
    settings.duration_ns = 0;
    report(80);
    has("failed\n101 requests, 2 failed");
    has(", seed ");
    has_not("0ns");
}
END_TEST

START_TEST(a_doubted_run_says_why_above_its_numbers)
{
    record_run();
    report(80);
    lki_result_doubt(&result, LKI_RUN_GENERATOR_BOUND, "the loop was late");
    print(false, 80);
    ck_assert(!strncmp(text, "NOT TO BE TRUSTED: generator-bound\n  - the loop was late\n", 56));
    lki_result_doubt(&result, LKI_RUN_INCOMPLETE, "worker 3 crashed in step \x1b[2Jlogin");
    lki_result_note(&result, "something to know");
    print(false, 80);
    ck_assert(!strncmp(text, "FAILED: data was lost (incomplete)\n", 35));
    has("\n  - worker 3 crashed in step ?[2Jlogin\n");
    has("\nnote: something to know\n");
}
END_TEST

START_TEST(a_run_without_response_is_called_failed)
{
    request("s", "GET /", LKI_CODE_HTTP_CONNECT, LKI_SAMPLE_ERROR, 100000, 5);
    step("s", LKI_CODE_STEP_FAILED, 100000, 5);
    report(80);
    ck_assert(!strncmp(text, "FAILED: no request got a response\n", 34));
    has("5 failed (100%)");
    has("5 HTTP_CONNECT");
}
END_TEST

START_TEST(a_step_stands_above_its_requests)
{
    const char *login;
    const char *auth;
    const char *catalog;

    record_run();
    report(80);
    login = strstr(text, "\nlogin ");
    catalog = strstr(text, "\ncatalog ");
    ck_assert_ptr_nonnull(login);
    ck_assert_ptr_nonnull(catalog);
    auth = strstr(login, "\n  POST /auth ");
    ck_assert_ptr_nonnull(auth);
    ck_assert(auth < catalog);
    ck_assert_ptr_nonnull(strstr(catalog, "\n  GET /catalog "));
    ck_assert_ptr_nonnull(strstr(text, "\non_start\n  GET /config "));
}
END_TEST

START_TEST(a_row_holds_the_numbers_of_its_metric)
{
    request("s", "GET /", 200, LKI_SAMPLE_OK, 12345678, 2994);
    request("s", "GET /", 500, LKI_SAMPLE_ERROR, 12345678, 6);
    step("s", LKI_CODE_STEP_OK, 12345678, 3000);
    report(72);
    has("\n         count  rate/s  failed          p50     p95     p99     max\n");
    has("\n  GET /  3,000     100       6 0.20%  12.3ms  12.3ms  12.3ms  12.3ms\n    6 HTTP_500\n");
    report(200);
    has("   avg     p50     p90     p95     p99   p99.9     max\n");
}
END_TEST

START_TEST(codes_besides_success_are_listed)
{
    record_run();
    report(80);
    has("\n    10 HTTP_503, 4 HTTP_CANCELLED, 2 HTTP_TIMEOUT\n");
    has("\n  10 STEP_FAILED, 2 STEP_TIMEOUT\n");
    has("\n    1 HTTP_404\n");
    has_not("HTTP_200");
    has_not("STEP_OK");
    has_not("LIFECYCLE_OK");
}
END_TEST

START_TEST(failed_steps_are_not_told_twice)
{
    step("s", LKI_CODE_STEP_FAILED, 12345678, 3);
    report(80);
    has_not("STEP_FAILED");
}
END_TEST

START_TEST(phases_that_not_all_had_are_counted)
{
    struct lki_sample sample = {.code = 200, .late_ns = -1, .phase_ns = {1000, -1, -1, -1, -1, -1}};

    request("s", "GET /", 200, LKI_SAMPLE_OK, 5000, 2);
    lki_metric_record(lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", "GET /", 5), &sample);
    report(100);
    has("time, avg   lookup 1.00us (1 time), send 2.00us (2 times), wait 5.00us (2 times),\n");
}
END_TEST

START_TEST(the_rest_of_the_facts_is_there)
{
    record_run();
    report(100);
    has("\nerrors\n  10  login STEP_FAILED: login returned HTTP 503 (first at 0ns, user 17)\n");
    has("   1  on_start LIFECYCLE_FAILED: resource users is empty");
    has("lifecycle   on_start: 3 of 203 calls failed (3 LIFECYCLE_FAILED)\n");
    has("iterations  37,200 (1,240/s)\n");
    has("requests    37,245 sent, 3 unsent, 2 sent again, 4 cut off by the end\n");
    has("data        3.72 MB sent (124 kB/s), 37.2 MB received (1.24 MB/s)\n");
    has("time, avg   send 2.00us, wait ");
    has("run         shop, 1,200 users, 1 worker, 30.0s, seed 42, ended by duration\n");
    has("\nall requests ");
}
END_TEST

/* What a quiet run says. */
static void fails_because(const char *want)
{
    struct lki_buf line;

    lki_buf_init(&line, 1000);
    report(80);
    lki_report_failure(&result, &line);
    ck_assert_str_eq(lki_buf_cstr(&line), want);
    lki_buf_release(&line);
}

START_TEST(a_failure_is_told_with_its_cause_in_one_line)
{
    record_run();
    fails_because("");
    lki_metrics_release(&metrics);
    lki_metrics_init(&metrics, 0, 0);
    fails_because("no step ran");
    lki_metrics_error(&metrics, LKI_SOURCE_CHECK, "login", LKI_CODE_CHECK_FAILED, "a check", 7);
    lki_metrics_error(&metrics, LKI_SOURCE_LIFECYCLE, "on_init", LKI_CODE_LIFECYCLE_FAILED,
                      "cannot use the URL \"\x1b[2J\"", 7);
    fails_because("no step ran; most often on_init LIFECYCLE_FAILED: cannot use the URL \"?[2J\"");
}
END_TEST

START_TEST(lost_data_is_told_with_what_was_lost)
{
    struct lki_buf line;

    step("s", LKI_CODE_STEP_FAILED, 100000, 5);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, "no tea", 1);
    report(80);
    lki_buf_init(&line, 1000);
    lki_result_doubt(&result, LKI_RUN_INCOMPLETE, "3 stacks overflowed");
    lki_report_failure(&result, &line);
    ck_assert_str_eq(lki_buf_cstr(&line), "data was lost: 3 stacks overflowed");
    lki_buf_clear(&line);
    lki_result_fail(&result, "on_setup failed: no tea");
    lki_report_failure(&result, &line);
    ck_assert_str_eq(lki_buf_cstr(&line), "on_setup failed: no tea");
    lki_buf_release(&line);
}
END_TEST

START_TEST(what_died_with_its_workers_was_measured_all_the_same)
{
    settings.requests_lost = 1;
    metrics.totals->http_requests = 1;
    metrics.totals->http_sent = 1;
    metrics.totals->iterations = 1;
    report(80);
    has("\nNothing is left of what was measured: it died with its workers.\n");
}
END_TEST

/* Beside a run that lost nothing as well. */
START_TEST(what_the_totals_count_is_in_the_headline)
{
    struct lki_paper paper = {NULL, false, 80};
    size_t len;

    request("s", "GET /", 200, LKI_SAMPLE_OK, 1000000, 1000);
    step("s", LKI_CODE_STEP_OK, 1000000, 1000);
    metrics.totals->http_requests += 73;
    metrics.totals->http_errors += 3;
    settings.requests_lost = 73;
    report(80);
    has("\n1,073 requests in 30.0s (35.8/s), 3 failed (0.28%), p50 1.00ms");
    free(text);
    paper.out = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(paper.out);
    lki_report_compare(&result, &result, &paper);
    fclose(paper.out);
    has(" 1,073");
}
END_TEST

START_TEST(a_run_with_nothing_in_it_makes_sense)
{
    settings = (struct lki_result_settings){0};
    report(80);
    ck_assert(!strncmp(text, "FAILED: no step ran\n", 20));
    has("Nothing was measured");
    has("iterations  0\n");
    has("0 users");
    has_not("nan");
    has_not("count");
    has_not("requests ");
    has_not("ended by");
}
END_TEST

START_TEST(a_run_without_requests_shows_its_steps)
{
    step("one", LKI_CODE_STEP_OK, 5000000, 10);
    step("two", LKI_CODE_STEP_OK, 5000000, 10);
    report(80);
    has("20 steps in 30.0s");
    has("none failed");
    has("\nall steps ");
    has_not("requests");
    has_not("data ");
}
END_TEST

START_TEST(requests_outside_steps_have_a_heading)
{
    step("one", LKI_CODE_STEP_OK, 5000000, 10);
    request("", "GET /health", 200, LKI_SAMPLE_OK, 5000000, 3);
    simple(LKI_SOURCE_LIFECYCLE, "on_start", LKI_CODE_LIFECYCLE_OK, LKI_SAMPLE_OK, 5000, 10);
    report(80);
    has("\noutside steps\n  GET /health ");
    has_not("on_start");
}
END_TEST

static void emit(const char *step_name, const char *name, const char *kind, const char *stage)
{
    struct lki_metric *metric = lki_metrics_find_emitted(&metrics, step_name, name, kind, stage);

    lki_metric_record_simple(metric, LKI_CODE_METRIC_OK, LKI_SAMPLE_OK, 5000);
    lki_metric_record_simple(metric, LKI_CODE_METRIC_FAILED, LKI_SAMPLE_ERROR, 5000);
    lki_metric_record_simple(metric, lki_metrics_code(&metrics, "FINE", "ok"), LKI_SAMPLE_OK, 5000);
}

START_TEST(samples_of_the_author_stand_below_their_step)
{
    step("one", LKI_CODE_STEP_OK, 5000000, 10);
    emit("one", "lookup", "custom", "execute");
    emit("one", "call", "grpc", "execute");
    emit("one", "pull", "custom", "connect");
    emit("one", "push", "grpc", "connect");
    emit("", "warm-up", "custom", "execute");
    report(100);
    has("\none ");
    has("\n  lookup ");
    has("\n  call (grpc) ");
    has("\n  pull (connect) ");
    has("\n  push (grpc, connect) ");
    has("\noutside steps\n  warm-up ");
    /* the column of failures says so already */
    has_not("METRIC_FAILED");
    has_not("FINE");
}
END_TEST

START_TEST(codes_of_the_author_are_listed_by_name)
{
    struct lki_metric *call = lki_metrics_find_emitted(&metrics, "s", "call", "grpc", "execute");

    step("s", LKI_CODE_STEP_OK, 5000000, 10);
    lki_metric_record_simple(call, lki_metrics_code(&metrics, "BUSY", "overload"), LKI_SAMPLE_ERROR,
                             5000);
    lki_metric_record_simple(call, lki_metrics_code(&metrics, "FINE", "ok"), LKI_SAMPLE_OK, 5000);
    lki_metrics_error(&metrics, LKI_SOURCE_CUSTOM, "s",
                      lki_metrics_code(&metrics, "BUSY", "overload"), "call: come back later", 3);
    report(80);
    has("\n    1 BUSY\n");
    has("\n  1  s BUSY: call: come back later (at 0ns, user 3)\n");
}
END_TEST

/* As the client keeps it: when a code comes for the first time. */
static void example(const char *step_name, const char *name, lki_code code, const char *answer,
                    const char *body)
{
    struct lki_metric *metric = lki_metrics_find(&metrics, LKI_SOURCE_HTTP, step_name, name,
                                                 strlen(name));
    const char *line = "GET /q?x=1\x1b HTTP/1.1";

    lki_metrics_example(&metrics, metric, code, (struct lki_example_part){line, strlen(line)},
                        (struct lki_example_part){answer, strlen(answer)},
                        (struct lki_example_part){body, strlen(body)});
}

START_TEST(errors_have_an_example_each)
{
    request("s", "GET /q", 200, LKI_SAMPLE_OK, 5000000, 5);
    example("s", "GET /q", 200, "HTTP/1.1 200 OK", "fine");
    request("s", "GET /q", 503, LKI_SAMPLE_ERROR, 5000000, 7);
    example(
        "s", "GET /q", 503, "HTTP/1.1 503 Busy",
        "{\"error\":\"busy\",\r\n \"and\":\"so very busy that the end of it is not shown here\"}");
    request("s", "GET /q", LKI_CODE_HTTP_RESET, LKI_SAMPLE_ERROR, 5000000, 1);
    example("s", "GET /q", LKI_CODE_HTTP_RESET, "reset by peer", "");
    lki_metrics_error(&metrics, LKI_SOURCE_HTTP, "s", LKI_CODE_HTTP_RESET, "GET /q: reset by peer",
                      3);
    step("s", LKI_CODE_STEP_OK, 5000000, 12);
    report(60);
    has("\nerrors\n"
        "  7  s GET /q HTTP_503\n"
        "         > GET /q?x=1? HTTP/1.1\n"
        "         < HTTP/1.1 503 Busy\n"
        "           {\"error\":\"busy\",  \"and\":\"so very busy that the...\n"
        "  1  s HTTP_RESET: GET /q: reset by peer (at 0ns, user 3)\n"
        "         > GET /q?x=1? HTTP/1.1\n"
        "\n");
    has_not("200 OK");
    has_not("< reset");
    for (int columns = 30; columns < 100; columns++) {
        print(false, columns);
        lines_verify(columns < 45 ? 45 : columns);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *message;
} others[] = {
    {"another request", "GET /other: reset by peer"},
    {"another reason", "GET /q: reset again"},
    {"more of a name", "GET /q/more: reset by peer"},
    {"a reason alone", "reset by peer"},
};

START_TEST(an_error_has_no_example_of_another_one)
{
    request("s", "GET /q", LKI_CODE_HTTP_RESET, LKI_SAMPLE_ERROR, 5000000, 1);
    example("s", "GET /q", LKI_CODE_HTTP_RESET, "reset by peer", "");
    request("s", "GET /other", LKI_CODE_HTTP_RESET, LKI_SAMPLE_ERROR, 5000000, 1);
    lki_metrics_error(&metrics, LKI_SOURCE_HTTP, "s", LKI_CODE_HTTP_RESET, others[_i].message, 3);
    report(60);
    has(others[_i].message);
    has_not("> GET");
    has_not("< ");
}
END_TEST

static const char *const frames[] = {"lk_step_demo_login (shop.c:41)", "lki_task_main",
                                     "start\x1b"};
static const struct lki_result_crash crashes[] = {
    {.worker = 2,
     .user = 17,
     .step = "login",
     .what = "segmentation fault",
     .at_ns = 3200000000,
     .retired = true,
     .frames = frames,
     .frame_count = LKI_COUNT(frames)},
    {.worker = 1, .step = "", .what = "killed by signal 9", .at_ns = 4000000000},
    {.worker = 4,
     .worker_id = "b.2",
     .step = "",
     .what = "vanished",
     .at_ns = 5000000000,
     .silent_ns = 6 * LKI_NS_PER_S,
     .goes_on_ns = 66 * LKI_NS_PER_S},
};

START_TEST(crashes_are_named_with_their_place)
{
    step("s", LKI_CODE_STEP_OK, 5000000, 10);
    settings.crashes = crashes;
    settings.crash_count = LKI_COUNT(crashes);
    report(80);
    ck_assert(!strncmp(text, "FAILED: the scenario crashed\n", 29));
    has("\ncrashes\n"
        "  user 17 in login, worker 2, at 3.20s: segmentation fault;\n"
        "  the user did not come back\n");
    has("\n      lk_step_demo_login (shop.c:41)\n      lki_task_main\n      start?\n");
    has("\n  worker 1, at 4.00s: killed by signal 9\n");
    has("\n  worker b.2, at 5.00s: vanished, not heard for 6.00s;\n"
        "  its load may go on for 1m06s\n");
    settings.crashes = &crashes[1];
    settings.crash_count = 1;
    report(80);
    ck_assert(!strncmp(text, "FAILED: a worker died\n", 22));
}
END_TEST

START_TEST(the_generator_has_a_line_and_workers_that_were_not_well)
{
    struct lki_result_health health[] = {
        {.span_ns = 10 * LKI_NS_PER_S,
         .busy_ns = 2 * LKI_NS_PER_S,
         .waited_ns = 10 * LKI_NS_PER_MS,
         .busiest_ns = 2 * LKI_NS_PER_MS},
        {.span_ns = 10 * LKI_NS_PER_S,
         .busy_ns = 9 * LKI_NS_PER_S,
         .waited_ns = -1,
         .busiest_ns = 250 * LKI_NS_PER_MS,
         .stalls = 3},
    };

    step("s", LKI_CODE_STEP_OK, 5000000, 10);
    settings.health = health;
    settings.health_count = 1;
    report(100);
    has("\ngenerator   20.0% of a processor, waited for it 0.10% of the time, longest turn 2.00ms\n");
    settings.health_count = 2;
    report(100);
    has("\ngenerator   2 workers at 20.0% to 90.0% of a processor, longest turn 250ms\n"
        "  worker 2  90.0% of a processor, longest turn 250ms, 3 stalls\n");
    has_not("worker 1");
    print(true, 100);
    has("\x1b[33m  worker 2");
    health[1].busy_ns = 2 * LKI_NS_PER_S + 10;
    report(100);
    has("\ngenerator   2 workers at 20.0% of a processor, longest turn 250ms\n");
    health[1].busy_ns = 9 * LKI_NS_PER_S;
    health[1].worker_id = "a.2";
    report(100);
    has("\n  worker a.2\n            90.0% of a processor, longest turn 250ms, 3 stalls\n");
}
END_TEST

START_TEST(the_command_is_told_where_it_is_known)
{
    report(80);
    has_not("again ");
    settings.command = "shop -u 20 -p base_url=http://\x1b[31m --seed 42";
    report(80);
    has("\nagain       shop -u 20 -p base_url=http://?[31m --seed 42\n");
}
END_TEST

START_TEST(many_errors_are_cut_to_the_most_frequent)
{
    char message[32];

    step("s", LKI_CODE_STEP_FAILED, 5000000, 10);
    for (int i = 0; i < 30; i++) {
        snprintf(message, sizeof(message), "message %d.", i);
        for (int j = 0; j <= i; j++)
            lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, message, 1);
    }
    report(80);
    has("message 29.");
    has("message 10.");
    has_not("message 9.");
    has("and 55 more of 10 other kinds");
}
END_TEST

START_TEST(no_line_is_wider_than_the_terminal)
{
    record_run();
    for (int columns = 40; columns <= 200; columns++) {
        report(columns);
        lines_verify(columns);
    }
    /* narrower ones are beyond help, but must not do harm */
    for (int columns = -1; columns < 40; columns++)
        report(columns);
}
END_TEST

/* The column in which the last character before pos stands. */
static size_t column_of(const char *pos)
{
    const char *line = pos;

    while (line > text && line[-1] != '\n')
        line--;
    return lki_text_width(line, (size_t)(pos - line));
}

START_TEST(cells_stand_below_their_titles)
{
    static const char *const rows[] = {"\nlogin ", "\n  POST /auth ", "\n  GET /catalog ",
                                       "/\xe6\x97\xa5\xe6\x9c\xac", "\nall requests "};
    const char *title;

    record_run();
    report(120);
    title = strstr(text, "count");
    ck_assert_ptr_nonnull(title);
    for (size_t i = 0; i < LKI_COUNT(rows); i++) {
        const char *at = strstr(text, rows[i]);

        ck_assert_msg(at != NULL, "%s", rows[i]);
        at += strlen(rows[i]);
        at += strspn(at, " ");
        at += strspn(at, "0123456789,");
        ck_assert_msg(column_of(at) == column_of(title) + 5, "%s", text);
    }
}
END_TEST

START_TEST(units_stand_below_each_other)
{
    const char *second;
    const char *milli;

    step("fast", LKI_CODE_STEP_OK, 5000000, 10);
    step("slow", LKI_CODE_STEP_OK, 5 * LKI_NS_PER_S, 10);
    report(80);
    milli = strstr(strstr(text, "\nfast "), "5.00ms");
    second = strstr(strstr(text, "\nslow "), "5.00s");
    ck_assert_ptr_nonnull(milli);
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(column_of(milli), column_of(second));
}
END_TEST

START_TEST(a_name_that_is_too_long_keeps_all_its_letters)
{
    record_run();
    report(80);
    has("\n  GET /api/v2/customers/{id}/orders/{id}/lines\n");
    report(140);
    has("\n  GET /api/v2/customers/{id}/orders/{id}/lines  ");
}
END_TEST

/* As a result file may have them. */
START_TEST(names_of_codes_do_no_harm_to_the_terminal)
{
    step("s", LKI_CODE_STEP_TIMEOUT, 5000000, 1);
    simple(LKI_SOURCE_LIFECYCLE, "on_start", LKI_CODE_LIFECYCLE_FAILED, LKI_SAMPLE_ERROR, 1000000,
           1);
    report(80);
    for (size_t i = 0; i < result.metric_count; i++)
        result.metrics[i].codes[0].name = "BAD\x1b[2J";
    print(false, 80);
    has("\n  1 BAD?[2J\n");
    has("on_start: 1 of 1 call failed (1 BAD?[2J)");
    has_not("\x1b");
}
END_TEST

START_TEST(foreign_text_does_no_harm_to_the_terminal)
{
    request("s", "GET /\x1b]0;title\x07\n\xff\xe2\x80\xae", 200, LKI_SAMPLE_OK, 5000000, 1);
    step("s", LKI_CODE_STEP_OK, 5000000, 1);
    lki_metrics_error(&metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED,
                      "two\nlines\r\x1b[31m\xc2\x9b", 1);
    settings.program = "sh\x1bop";
    report(80);
    has("GET /?]0;title? ??");
    has("two lines??[31m?");
    has("sh?op");
    ck_assert_ptr_null(strchr(text, '\x1b'));
}
END_TEST

START_TEST(colour_changes_nothing_but_colour)
{
    char *plain;
    char *to;

    record_run();
    report(80);
    plain = strdup(text);
    ck_assert_ptr_null(strchr(plain, '\x1b'));
    print(true, 80);
    ck_assert_ptr_nonnull(strstr(text, "\x1b[31m"));
    to = text;
    for (const char *at = text; *at; at++) {
        if (*at == '\x1b')
            at += strcspn(at, "m");
        else
            *to++ = *at;
    }
    *to = '\0';
    ck_assert_str_eq(text, plain);
    free(plain);
}
END_TEST

/* ---- numbers */

static const struct {
    int64_t ns;
    const char *text;
} durations[] = {
    {0, "0ns"},
    {999, "999ns"},
    {1000, "1.00us"},
    {9994, "9.99us"},
    {9995, "10.0us"},
    {99949, "99.9us"},
    {99950, "100us"},
    {999499, "999us"},
    {999500, "1.00ms"},
    {1234567, "1.23ms"},
    {12345678, "12.3ms"},
    {123456789, "123ms"},
    {999499999, "999ms"},
    {999500000, "1.00s"},
    {1500000000, "1.50s"},
    {59940000000, "59.9s"},
    {59950000000, "1m00s"},
    {65000000000, "1m05s"},
    {3599400000000, "59m59s"},
    {3600000000000, "1h00m"},
    {7380000000000, "2h03m"},
    {-5, "-5ns"},
};

START_TEST(durations_have_three_digits_and_the_right_unit)
{
    char cell[LKI_CELL_BYTES];

    lki_format_duration(cell, durations[_i].ns);
    ck_assert_str_eq(cell, durations[_i].text);
}
END_TEST

START_TEST(the_longest_duration_fits)
{
    char cell[LKI_CELL_BYTES];

    lki_format_duration(cell, INT64_MAX);
    lki_format_duration_cell(cell, INT64_MAX);
    lki_format_duration_cell(cell, INT64_MIN);
    lki_format_clock(cell, INT64_MAX);
    lki_format_count(cell, UINT64_MAX);
    ck_assert_str_eq(cell, "18,446,744,073,709,551,615");
    lki_format_rate(cell, 1e300);
    lki_format_bytes(cell, 1e30);
    lki_format_duration_cell(cell, 5 * LKI_NS_PER_S);
    ck_assert_str_eq(cell, "5.00s ");
}
END_TEST

START_TEST(counts_rates_shares_and_bytes_are_readable)
{
    char cell[LKI_CELL_BYTES];

    static const struct {
        uint64_t count;
        const char *text;
    } counts[] = {
        {0, "0"}, {999, "999"}, {1000, "1,000"}, {123456, "123,456"}, {1000000, "1,000,000"}};
    static const struct {
        double rate;
        const char *text;
    } rates[] = {{0, "0"},        {0.034, "0.03"}, {4.123, "4.12"},   {41.26, "41.3"},
                 {99.94, "99.9"}, {99.96, "100"},  {4115.4, "4,115"}, {-1, "0"}};
    static const struct {
        uint64_t part;
        uint64_t whole;
        const char *text;
    } shares[] = {{0, 0, "0%"},       {0, 5, "0%"},         {1, 100000, "<0.01%"},
                  {1, 1000, "0.10%"}, {123, 1000, "12.3%"}, {99999, 100000, ">99.9%"},
                  {5, 5, "100%"}};
    static const struct {
        double bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},          {999, "999 B"},        {1000, "1.00 kB"}, {123456, "123 kB"},
                 {999700, "1.00 MB"}, {12345678, "12.3 MB"}, {5e12, "5.00 TB"}};

    for (size_t i = 0; i < LKI_COUNT(counts); i++) {
        lki_format_count(cell, counts[i].count);
        ck_assert_str_eq(cell, counts[i].text);
    }
    for (size_t i = 0; i < LKI_COUNT(rates); i++) {
        lki_format_rate(cell, rates[i].rate);
        ck_assert_str_eq(cell, rates[i].text);
    }
    for (size_t i = 0; i < LKI_COUNT(shares); i++) {
        lki_format_percent(cell, shares[i].part, shares[i].whole);
        ck_assert_str_eq(cell, shares[i].text);
    }
    for (size_t i = 0; i < LKI_COUNT(sizes); i++) {
        lki_format_bytes(cell, sizes[i].bytes);
        ck_assert_str_eq(cell, sizes[i].text);
    }
}
END_TEST

START_TEST(widths_are_columns_and_not_bytes)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"gr\xc3\xb6\xc3\x9f"
                  "e",
                  5},
                 {"\xe6\x97\xa5\xe6\x9c\xac", 4},
                 {"e\xcc\x81", 1},
                 {"\xf0\x9f\x98\x80", 2},
                 {"\xff\xc3", 2}};

    for (size_t i = 0; i < LKI_COUNT(cases); i++)
        ck_assert_uint_eq(lki_text_width(cases[i].text, strlen(cases[i].text)), cases[i].width);
}
END_TEST

static Suite *report_suite(void)
{
    Suite *suite = suite_create("report");
    TCase *facts = tcase_create("facts");
    TCase *looks = tcase_create("looks");
    TCase *numbers = tcase_create("numbers");

    tcase_add_checked_fixture(facts, setup, teardown);
    tcase_add_test(facts, the_verdict_comes_first);
    tcase_add_test(facts, the_first_word_tells_how_well_the_target_is);
    tcase_add_test(facts, all_that_failed_tells_how_well_the_target_is);
    tcase_add_test(facts, requests_of_probes_do_not_tell_how_well_the_target_is);
    tcase_add_test(facts, a_doubted_run_says_why_above_its_numbers);
    tcase_add_test(facts, a_run_without_response_is_called_failed);
    tcase_add_test(facts, a_step_stands_above_its_requests);
    tcase_add_test(facts, a_row_holds_the_numbers_of_its_metric);
    tcase_add_test(facts, codes_besides_success_are_listed);
    tcase_add_test(facts, failed_steps_are_not_told_twice);
    tcase_add_test(facts, the_rest_of_the_facts_is_there);
    tcase_add_test(facts, phases_that_not_all_had_are_counted);
    tcase_add_test(facts, a_failure_is_told_with_its_cause_in_one_line);
    tcase_add_test(facts, lost_data_is_told_with_what_was_lost);
    tcase_add_test(facts, what_died_with_its_workers_was_measured_all_the_same);
    tcase_add_test(facts, what_the_totals_count_is_in_the_headline);
    tcase_add_test(facts, a_run_with_nothing_in_it_makes_sense);
    tcase_add_test(facts, a_run_without_requests_shows_its_steps);
    tcase_add_test(facts, requests_outside_steps_have_a_heading);
    tcase_add_test(facts, samples_of_the_author_stand_below_their_step);
    tcase_add_test(facts, codes_of_the_author_are_listed_by_name);
    tcase_add_test(facts, errors_have_an_example_each);
    tcase_add_loop_test(facts, an_error_has_no_example_of_another_one, 0, LKI_COUNT(others));
    tcase_add_test(facts, crashes_are_named_with_their_place);
    tcase_add_test(facts, the_generator_has_a_line_and_workers_that_were_not_well);
    tcase_add_test(facts, the_command_is_told_where_it_is_known);
    tcase_add_test(facts, many_errors_are_cut_to_the_most_frequent);
    tcase_add_checked_fixture(looks, setup, teardown);
    tcase_add_test(looks, no_line_is_wider_than_the_terminal);
    tcase_add_test(looks, cells_stand_below_their_titles);
    tcase_add_test(looks, units_stand_below_each_other);
    tcase_add_test(looks, a_name_that_is_too_long_keeps_all_its_letters);
    tcase_add_test(looks, foreign_text_does_no_harm_to_the_terminal);
    tcase_add_test(looks, names_of_codes_do_no_harm_to_the_terminal);
    tcase_add_test(looks, colour_changes_nothing_but_colour);
    tcase_add_loop_test(numbers, durations_have_three_digits_and_the_right_unit, 0,
                        LKI_COUNT(durations));
    tcase_add_test(numbers, the_longest_duration_fits);
    tcase_add_test(numbers, counts_rates_shares_and_bytes_are_readable);
    tcase_add_test(numbers, widths_are_columns_and_not_bytes);
    suite_add_tcase(suite, facts);
    suite_add_tcase(suite, looks);
    suite_add_tcase(suite, numbers);
    return suite;
}

int main(void)
{
    return suite_run(report_suite());
}
