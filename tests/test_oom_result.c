/*
 * Results that are read back, reported and compared, and the live display, without memory:
 * whichever request is refused, alone or with those that follow, it is said or left out, and
 * nothing is left behind.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "report/compare.h"
#include "report/live.h"
#include "report/text.h"
#include "result/json.h"
#include "result/load.h"
#include "stats/example.h"
#include "support/suite.h"

static FILE *paper;
static char *json;
static size_t json_len;

static void record(struct lki_metrics *metrics)
{
    struct lki_metric *get = lki_metrics_find(metrics, LKI_SOURCE_HTTP, "s", "GET /", 5);
    struct lki_sample sample = {.code = 503,
                                .verdict = LKI_SAMPLE_ERROR,
                                .latency_ns = 5000,
                                .late_ns = -1,
                                .phase_ns = {-1, -1, -1, 1, 2, 3}};
    const struct lki_example_part part = {"GET / HTTP/1.1", 14};

    lki_metric_record(get, &sample);
    lki_metrics_example(metrics, get, 503, part, part, part);
    lki_metric_record_simple(lki_metrics_find(metrics, LKI_SOURCE_STEP, "", "s", 1),
                             LKI_CODE_STEP_FAILED, LKI_SAMPLE_ERROR, 5000);
    lki_metrics_error(metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, "HTTP 503", 1);
    metrics->totals->iterations++;
}

/* A little of everything, as a file holds it. */
static void json_make(void)
{
    static const char *const frames[] = {"a", "b"};
    const struct lki_result_crash crash = {
        .user = 1, .step = "s", .what = "abort", .frames = frames, .frame_count = 2};
    const struct lki_result_health health = {.span_ns = 5, .waited_ns = -1};
    const struct lki_result_settings settings = {
        .program = "p", .crashes = &crash, .crash_count = 1, .health = &health, .health_count = 1};
    struct lki_metrics metrics;
    struct lki_result result;
    FILE *file = open_memstream(&json, &json_len);

    ck_assert_ptr_nonnull(file);
    lki_metrics_init(&metrics, 0, 0);
    record(&metrics);
    ck_assert_int_eq(lki_result_init(&result, &settings, &metrics, NULL), LK_OK);
    ck_assert_int_eq(lki_result_write_json(&result, file), 0);
    fclose(file);
    lki_result_release(&result);
    lki_metrics_release(&metrics);
}

/* Reads, reports and compares. Check needs memory itself, so nothing is asserted in here. */
static enum lk_err load_and_show(void)
{
    struct lki_paper where = {paper, false, 80};
    struct lki_result result;
    struct lki_buf why;
    enum lk_err err;

    lki_buf_init(&why, 1000);
    rewind(paper);
    err = lki_result_read(&result, json, json_len, &why);
    if (!err) {
        lki_report_text(&result, paper, true, 80);
        lki_report_compare(&result, &result, &where);
        lki_result_release(&result);
    }
    lki_buf_release(&why);
    return err;
}

static enum lk_err live_and_let(void)
{
    const struct lki_live_state state = {.elapsed_ns = 5, .total_ns = 10, .users = 1};
    struct lki_live *live;
    enum lk_err err;

    rewind(paper);
    err = lki_live_new(&live, paper, 80, true, "program");
    if (err)
        return err;
    lki_live_show(live, &state);
    lki_live_print(live, paper, "a line\n", 7);
    lki_live_show(live, &state);
    lki_live_free(live);
    return LK_OK;
}

/* least: requests that there are at least, so that a test of nothing is noticed. */
static void refuse_each(enum lk_err (*act)(void), long how_many, long least)
{
    long after = 0;
    long refused;

    do {
        long held = memory_held();
        enum lk_err err;

        memory_refuse(after, how_many);
        err = act();
        refused = memory_allow();
        held = memory_held() - held;
        ck_assert_msg(!held, "without request %ld: left behind %ld blocks", after, held);
        ck_assert_msg(!err || (refused && err == LK_E_NOMEM), "without request %ld: %s", after,
                      lk_strerror(err));
        after++;
    } while (refused);
    ck_assert_int_gt(after, least);
}

START_TEST(results_are_read_or_refused)
{
    json_make();
    refuse_each(load_and_show, _i ? MEMORY_ALL : 1, 20);
    free(json);
}
END_TEST

START_TEST(the_display_does_without)
{
    setenv("TERM", "xterm", 1);
    refuse_each(live_and_let, _i ? MEMORY_ALL : 1, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_result");
    TCase *tests = tcase_create("oom_result");
    int status;

    memory_open();
    paper = fopen("/dev/null", "w");
    if (!paper)
        return EXIT_FAILURE;
    tcase_add_loop_test(tests, results_are_read_or_refused, 0, 2);
    tcase_add_loop_test(tests, the_display_does_without, 0, 2);
    suite_add_tcase(suite, tests);
    status = suite_run(suite);
    fclose(paper);
    return status;
}
