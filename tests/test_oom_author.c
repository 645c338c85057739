/*
 * What authors measure, without memory: whichever request is refused, alone or with those that
 * follow, all is still counted, the result says what it lacks, and nothing is left behind.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "report/text.h"
#include "result/json.h"
#include "result/result.h"
#include "stats/probe.h"
#include "support/suite.h"

#define ROUNDS 40

static struct lk_metric_def metric_defs[] = {
    {.def = {.name = "size"}, .type = LK_TREND, .unit = "kB"},
    {.def = {.name = "sold"}, .type = LK_COUNTER},
};

static FILE *paper;

static enum lk_err record(struct lki_metrics *metrics, struct lki_probe_log *probe,
                          struct lki_arrival_log *arrivals, int i)
{
    struct lki_metric *call = lki_metrics_find_emitted(metrics, "s", "call", "grpc", "connect");
    struct lki_metric *check = lki_metrics_find(metrics, LKI_SOURCE_CHECK, "s", "sums", 4);
    struct lk_value text = lk_value_str("busy");
    char code[16];

    lki_metric_record_simple(lki_metrics_find(metrics, LKI_SOURCE_STEP, "", "s", 1),
                             LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 5000);
    snprintf(code, sizeof(code), "CODE_%d", i);
    lki_metric_record_simple(call, lki_metrics_code(metrics, code, "ok"), LKI_SAMPLE_OK,
                             1000 + ((int64_t)1 << i));
    lki_metric_record_late(call, 1000 + ((int64_t)2 << i));
    lki_metric_count(check, LKI_CODE_CHECK_FAILED, LKI_SAMPLE_ERROR);
    for (size_t m = 0; m < metrics->customs.count; m++)
        lki_custom_record(&metrics->customs.all[m], (double)((int64_t)1 << i), i);
    lki_probe_log_add(probe, i, &text);
    arrivals->intended++;
    lki_arrival_start(arrivals, 1000 + ((int64_t)1 << i));
    return call->second.count && check->second.count ? LK_OK : LK_E_STATE;
}

/* Whatever could not be kept is counted all the same. */
static bool all_counted(const struct lki_metrics *metrics, const struct lki_probe_log *probe,
                        const struct lki_arrival_log *arrivals)
{
    uint64_t count = 0;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next)
        count += metric->total.count;
    for (size_t m = 0; m < metrics->customs.count; m++)
        count += metrics->customs.all[m].total.count;
    return count == (3 + metrics->customs.count) * ROUNDS && probe->count == ROUNDS &&
           arrivals->started == ROUNDS && arrivals->lateness.count == ROUNDS;
}

/* Prints the report; whether it says that something of it is missing. */
static bool report_lacks(const struct lki_result *result)
{
    char line[512];
    bool lacks = false;

    rewind(paper);
    lki_report_text(result, paper, false, 80);
    rewind(paper);
    while (fgets(line, sizeof(line), paper))
        lacks |= strstr(line, "out of memory") != NULL;
    return lacks || ftruncate(fileno(paper), 0);
}

static enum lk_err show(const struct lki_result_settings *settings, struct lki_metrics *metrics)
{
    struct lki_result result;
    enum lk_err err = lki_result_init(&result, settings, metrics, NULL);

    if (err)
        return err;
    rewind(paper);
    if (lki_result_write_json(&result, paper) || report_lacks(&result) ||
        result.verdict != LKI_RUN_VALID || result.note_count)
        err = LK_E_LIMIT;
    lki_result_release(&result);
    return err;
}

static enum lk_err walk(void)
{
    const struct lk_metric_def *defs[] = {&metric_defs[0], &metric_defs[1]};
    struct lki_probe_log probe = {.name = "state"};
    struct lki_arrival_log arrivals = {.rate_per_s = 1};
    const struct lki_result_settings settings = {
        .duration_ns = LKI_NS_PER_S, .arrivals = &arrivals, .probes = &probe, .probe_count = 1};
    struct lki_metrics metrics;
    enum lk_err err;

    lki_metrics_init(&metrics, 0, 0);
    err = lki_customs_init(&metrics.customs, defs, LKI_COUNT(defs));
    for (int i = 0; i < ROUNDS && !err; i++)
        err = record(&metrics, &probe, &arrivals, i);
    if (!err) {
        lki_metrics_fold(&metrics);
        err = all_counted(&metrics, &probe, &arrivals) ? show(&settings, &metrics) : LK_E_STATE;
    }
    lki_probe_log_release(&probe);
    lki_arrivals_release(&arrivals);
    lki_metrics_release(&metrics);
    return err;
}

/* Walks once with count requests refused. False: the walk does not get that far. */
static bool walk_without(long after, long count)
{
    long held = memory_held();
    enum lk_err err;
    long refused;

    memory_refuse(after, count);
    err = walk();
    refused = memory_allow();
    held = memory_held() - held;
    ck_assert_msg(!held, "without requests %ld and on, %ld of them: left behind %ld blocks", after,
                  refused, held);
    ck_assert_msg(err != LK_E_STATE, "without requests %ld and on, %ld of them: wrong", after,
                  refused);
    ck_assert_msg(!refused == !err, "without requests %ld and on, %ld of them: %s", after, refused,
                  lk_strerror(err));
    return refused > 0;
}

START_TEST(what_authors_measure_is_counted_or_told_to_be_missing)
{
    static const long droughts[] = {1, 10, MEMORY_ALL};
    long after = 0;

    while (walk_without(after, droughts[_i]))
        after++;
    ck_assert_int_gt(after, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_author");
    TCase *tests = tcase_create("oom_author");

    memory_open();
    paper = tmpfile();
    if (!paper)
        return EXIT_FAILURE;
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, what_authors_measure_is_counted_or_told_to_be_missing, 0, 3);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
