/*
 * Snapshots without memory: whichever request is refused while one is written and merged, alone or
 * with those that follow, either nothing was written, or all is counted and what has no place of
 * its own is told. The same of seconds that are merged to a series.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "stats/example.h"
#include "stats/series.h"
#include "stats/snapshot.h"
#include "support/suite.h"

#define ROUNDS 40
#define SECONDS 100
#define BYTES_MAX ((size_t)1 << 20)

static struct lk_metric_def metric_defs[] = {
    {.def = {.name = "size"}, .type = LK_TREND},
    {.def = {.name = "level"}, .type = LK_GAUGE},
};

struct rig {
    struct lki_metrics metrics;
    struct lki_arrival_log arrivals;
    struct lki_probe_log probe;
    struct lki_measured measured;
};

/* Check needs memory for what it asserts: nothing is asserted while it is refused or counted. */
static enum lk_err rig_open(struct rig *rig)
{
    const struct lk_metric_def *defs[] = {&metric_defs[0], &metric_defs[1]};

    *rig = (struct rig){.probe = {.name = "state"}};
    rig->measured = (struct lki_measured){.metrics = &rig->metrics,
                                          .arrivals = &rig->arrivals,
                                          .probes = &rig->probe,
                                          .probe_count = 1};
    lki_metrics_init(&rig->metrics, 0, 0);
    return lki_customs_init(&rig->metrics.customs, defs, LKI_COUNT(defs));
}

static void rig_close(struct rig *rig)
{
    lki_metrics_release(&rig->metrics);
    lki_arrivals_release(&rig->arrivals);
    lki_probe_log_release(&rig->probe);
}

/* One request, one sample of the author's and one failure: something of everything. */
static void record(struct rig *rig, int i)
{
    struct lki_metrics *metrics = &rig->metrics;
    struct lki_metric *emitted;
    struct lki_metric *http;
    struct lki_example_part part = {"text", 4};
    struct lk_value text = lk_value_str("busy");
    struct lki_sample sample = {.code = (lki_code)(200 + 7 * i),
                                .latency_ns = 1000 + ((int64_t)1 << i),
                                .late_ns = i,
                                .phase_ns = {i, i * INT64_C(1000), -1, 3000, 1 << 20, 1 << 15}};
    char name[16];

    snprintf(name, sizeof(name), "CODE_%d", i);
    http = lki_metrics_find(metrics, LKI_SOURCE_HTTP, "s", i % 2 ? "GET /" : "PUT /", 5);
    lki_metric_record(http, &sample);
    lki_metrics_example(metrics, http, sample.code, part, part, part);
    emitted = lki_metrics_find_emitted(metrics, "s", "call", "grpc", i % 3 ? "connect" : "send");
    lki_metric_record_simple(emitted, lki_metrics_code(metrics, name, "ok"), LKI_SAMPLE_OK, 5000);
    lki_metrics_error(metrics, LKI_SOURCE_STEP, "s", LKI_CODE_STEP_FAILED, name, 1);
    for (size_t m = 0; m < metrics->customs.count; m++)
        lki_custom_record(&metrics->customs.all[m], (double)((int64_t)1 << i), i);
    lki_probe_log_add(&rig->probe, i, &text);
    rig->arrivals.intended++;
    lki_arrival_start(&rig->arrivals, 1000 + ((int64_t)1 << i));
}

static uint64_t code_sum(const struct lki_codes *codes)
{
    uint64_t sum = codes->lost;

    for (uint16_t i = 0; i < codes->len; i++)
        sum += lki_codes_all(codes)[i].count;
    return sum;
}

/* Those with a place, and those of which it is known that they have none. */
static uint64_t value_sum(const struct lki_hist *hist)
{
    uint64_t sum = hist->below + hist->above + hist->lost;

    for (size_t r = 0; r < LKI_HIST_ROWS; r++) {
        for (size_t i = 0; hist->rows[r] && i < LKI_HIST_ROW_BUCKETS; i++)
            sum += hist->rows[r][i];
    }
    return sum;
}

static bool all_counted(const struct rig *rig)
{
    const struct lki_metrics *metrics = &rig->metrics;
    uint64_t samples = 0;
    uint64_t codes = 0;
    uint64_t latencies = 0;
    uint64_t errors = 0;
    uint64_t values = 0;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        samples += metric->total.count;
        codes += code_sum(&metric->total.codes);
        latencies += value_sum(&metric->total.latency);
    }
    for (const struct lki_error_group *group = metrics->first_error; group; group = group->next)
        errors += group->count;
    for (size_t m = 0; m < metrics->customs.count; m++)
        values += metrics->customs.all[m].total.count;
    return samples == 2 * ROUNDS && codes == 2 * ROUNDS && latencies == 2 * ROUNDS &&
           errors == ROUNDS && metrics->totals->http_requests == ROUNDS &&
           values == metrics->customs.count * ROUNDS && rig->probe.count == ROUNDS &&
           rig->probe.len + rig->probe.lost >= ROUNDS &&
           value_sum(&rig->arrivals.lateness) == ROUNDS;
}

static struct rig recorded;

/* Writes and merges with count requests refused. False: it does not get that far. */
static bool merge_without(long after, long count)
{
    long held = memory_held();
    bool counted = true;
    struct rig merged;
    struct lki_buf bytes;
    enum lk_err err = rig_open(&merged);
    long refused;

    lki_buf_init(&bytes, BYTES_MAX);
    memory_refuse(after, count);
    if (!err) {
        lki_snapshot_write(&recorded.measured, &bytes);
        err = bytes.err;
    }
    if (!err) {
        err = lki_snapshot_merge(&merged.measured, bytes.data, bytes.len);
        counted = all_counted(&merged);
    }
    refused = memory_allow();
    lki_buf_release(&bytes);
    rig_close(&merged);
    held = memory_held() - held;
    ck_assert_msg(!held, "without requests %ld and on, %ld of them: left behind %ld blocks", after,
                  refused, held);
    ck_assert_msg(counted, "without requests %ld and on, %ld of them: not counted", after, refused);
    ck_assert_msg(err == (refused ? LK_E_NOMEM : LK_OK),
                  "without requests %ld and on, %ld of them: %s", after, refused, lk_strerror(err));
    return refused > 0;
}

/* How many requests in a row are refused. */
static const long droughts[] = {1, 10, MEMORY_ALL};

START_TEST(a_snapshot_without_memory_is_counted_all_the_same)
{
    long after = 0;

    ck_assert_int_eq(rig_open(&recorded), LK_OK);
    for (int i = 0; i < ROUNDS; i++) {
        record(&recorded, i);
        if (i == ROUNDS / 2)
            lki_metrics_fold(&recorded.metrics);
    }
    while (merge_without(after, droughts[_i]))
        after++;
    ck_assert_int_gt(after, 100);
    rig_close(&recorded);
}
END_TEST

/* Merges as many seconds of two workers as need more rows than there are at first. */
static enum lk_err merge_seconds(struct lki_series *series, const struct lki_hist *latency)
{
    enum lk_err err = LK_OK;

    for (uint32_t t_s = 0; t_s < SECONDS && !err; t_s++) {
        struct lki_series_row row = {.t_s = t_s, .requests = latency->count};

        for (int w = 0; w < 2 && !err; w++)
            err = lki_series_merge(series, &row, LKI_SOURCE_HTTP, latency);
    }
    return err;
}

static bool seconds_without(const struct lki_hist *latency, long after, long count)
{
    struct lki_series series;
    uint64_t requests = 0;
    enum lk_err err;
    long refused;

    ck_assert_int_eq(lki_series_init(&series, 0), LK_OK);
    memory_refuse(after, count);
    err = merge_seconds(&series, latency);
    refused = memory_allow();
    ck_assert_int_eq(err, LK_OK);
    for (size_t i = 0; i < series.len; i++)
        requests += series.rows[i].requests;
    ck_assert_uint_eq(requests, 2 * SECONDS * latency->count);
    ck_assert_msg(!refused == !(series.partial + series.joined),
                  "without requests %ld and on, %ld of them: %lu partial, %lu joined", after,
                  refused, (unsigned long)series.partial, (unsigned long)series.joined);
    lki_series_release(&series);
    return refused > 0;
}

START_TEST(a_series_without_memory_counts_all_the_same)
{
    struct lki_hist latency = {0};
    long after = 0;

    for (int i = 0; i < ROUNDS; i++)
        lki_hist_record(&latency, 1000 + ((int64_t)1 << i));
    while (seconds_without(&latency, after, droughts[_i]))
        after++;
    ck_assert_int_gt(after, 8);
    lki_hist_release(&latency);
}
END_TEST

/* Into one that has a value, of whose rows there is but one. */
static bool decode_without(const struct lki_buf *bytes, uint64_t count, long after, long many)
{
    struct lki_hist into = {0};
    enum lk_err err;
    long refused;

    lki_hist_record(&into, 5000);
    memory_refuse(after, many);
    err = lki_hist_decode(&into, bytes->data, bytes->len);
    refused = memory_allow();
    ck_assert_int_eq(err, refused ? LK_E_NOMEM : LK_OK);
    ck_assert_uint_eq(into.count, refused ? 1 : 1 + count);
    ck_assert_uint_eq(into.lost, 0);
    for (int r = 0; r < LKI_HIST_ROWS; r++) {
        uint64_t sum = 0;

        for (int i = 0; into.rows[r] && i < LKI_HIST_ROW_BUCKETS; i++)
            sum += into.rows[r][i];
        ck_assert_msg(!refused || !into.rows[r] || sum == 1, "row %d has %lu", r,
                      (unsigned long)sum);
    }
    lki_hist_release(&into);
    return refused > 0;
}

START_TEST(a_histogram_without_memory_is_as_it_was)
{
    struct lki_hist latency = {0};
    struct lki_buf bytes;
    long after = 0;

    lki_buf_init(&bytes, BYTES_MAX);
    for (int i = 0; i < ROUNDS; i++)
        lki_hist_record(&latency, 1000 + ((int64_t)1 << i % 30));
    lki_hist_encode(&latency, &bytes);
    ck_assert_int_eq(bytes.err, LK_OK);
    while (decode_without(&bytes, latency.count, after, droughts[_i]))
        after++;
    ck_assert_int_gt(after, 8);
    lki_buf_release(&bytes);
    lki_hist_release(&latency);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_snapshot");
    TCase *tests = tcase_create("oom_snapshot");

    memory_open();
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_snapshot_without_memory_is_counted_all_the_same, 0,
                        LKI_COUNT(droughts));
    tcase_add_loop_test(tests, a_series_without_memory_counts_all_the_same, 0, LKI_COUNT(droughts));
    tcase_add_loop_test(tests, a_histogram_without_memory_is_as_it_was, 0, LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
