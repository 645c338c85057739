/* The series: a row a second, whose sums are the run's totals. */
#include "stats/series.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/suite.h"

static struct lki_metrics metrics;
static struct lki_series series;

static void setup(void)
{
    lki_metrics_init(&metrics, 0, 0);
    ck_assert_int_eq(lki_series_init(&series, 0), LK_OK);
}

static void teardown(void)
{
    lki_series_release(&series);
    lki_metrics_release(&metrics);
}

static void request(const char *name, int64_t latency_ns, enum lki_verdict verdict)
{
    struct lki_sample sample = {.code = verdict ? 500 : 200,
                                .verdict = verdict,
                                .latency_ns = latency_ns,
                                .late_ns = -1,
                                .bytes_sent = 10,
                                .bytes_received = 100,
                                .phase_ns = {-1, -1, -1, -1, -1, -1}};

    lki_metric_record(lki_metrics_find(&metrics, LKI_SOURCE_HTTP, "s", name, strlen(name)),
                      &sample);
}

static void step(int64_t latency_ns, enum lki_verdict verdict)
{
    lki_metric_record_simple(lki_metrics_find(&metrics, LKI_SOURCE_STEP, "", "s", 1),
                             verdict ? LKI_CODE_STEP_FAILED : LKI_CODE_STEP_OK, verdict,
                             latency_ns);
}

/* What the owner of the second does. */
static void tick(int64_t t_ms, uint64_t users)
{
    lki_series_add(&series, &metrics, t_ms * LKI_NS_PER_MS, users);
    lki_metrics_fold(&metrics);
}

START_TEST(a_second_becomes_a_row)
{
    const struct lki_series_row *row;

    request("a", 2000000, LKI_SAMPLE_OK);
    request("b", 4000000, LKI_SAMPLE_ERROR);
    step(5000000, LKI_SAMPLE_OK);
    step(5000000, LKI_SAMPLE_ERROR);
    step(5000000, LKI_SAMPLE_CANCELLED);
    metrics.totals->iterations += 2;
    tick(1000, 20);
    tick(2000, 21);
    ck_assert_uint_eq(series.len, 2);
    row = &series.rows[0];
    ck_assert_uint_eq(row->t_s, 0);
    ck_assert_int_eq(row->span_ns, LKI_NS_PER_S);
    ck_assert_uint_eq(row->users, 20);
    ck_assert_uint_eq(row->iterations, 2);
    ck_assert_uint_eq(row->steps, 3);
    ck_assert_uint_eq(row->step_errors, 1);
    ck_assert_uint_eq(row->requests, 2);
    ck_assert_uint_eq(row->errors, 1);
    ck_assert_uint_eq(row->bytes_sent, 20);
    ck_assert_uint_eq(row->bytes_received, 200);
    row = lki_series_last(&series);
    ck_assert_ptr_eq(row, &series.rows[1]);
    ck_assert_uint_eq(row->t_s, 1);
    ck_assert_uint_eq(row->users, 21);
    ck_assert_uint_eq(row->iterations + row->steps + row->requests + row->bytes_sent, 0);
    ck_assert_int_eq(row->p50_ns, 0);
    ck_assert_int_eq(row->p99_ns, 0);
}
END_TEST

START_TEST(percentiles_are_of_all_requests_of_that_second)
{
    /* 98 fast ones under one name and 2 slow ones under another: no average of two p99s is 1 s */
    for (int i = 0; i < 98; i++)
        request("fast", 1000000, LKI_SAMPLE_OK);
    request("slow", LKI_NS_PER_S, LKI_SAMPLE_OK);
    request("slow", LKI_NS_PER_S, LKI_SAMPLE_OK);
    step(7 * LKI_NS_PER_S, LKI_SAMPLE_OK);
    tick(1000, 1);
    request("fast", 3000000, LKI_SAMPLE_OK);
    tick(2000, 1);
    ck_assert_int_eq(series.rows[0].p50_ns / 10000, 100);
    ck_assert_int_eq(series.rows[0].p95_ns / 10000, 100);
    ck_assert_int_eq(series.rows[0].p99_ns, LKI_NS_PER_S);
    ck_assert_int_eq(series.rows[1].p50_ns, 3000000);
    ck_assert_int_eq(series.rows[1].p99_ns, 3000000);
}
END_TEST

START_TEST(without_requests_percentiles_are_of_steps)
{
    step(5000000, LKI_SAMPLE_OK);
    tick(1000, 1);
    ck_assert_int_eq(series.rows[0].p95_ns, 5000000);
    request("a", 2000000, LKI_SAMPLE_OK);
    step(5000000, LKI_SAMPLE_OK);
    tick(2000, 1);
    ck_assert_int_eq(series.rows[1].p95_ns, 2000000);
    /* a second in which the server answers nothing shows no percentile of something else */
    step(5000000, LKI_SAMPLE_OK);
    tick(3000, 1);
    ck_assert_int_eq(series.rows[2].p95_ns, 0);
}
END_TEST

START_TEST(a_first_request_in_a_tail_does_not_mix_with_steps)
{
    step(5000000, LKI_SAMPLE_OK);
    tick(1000, 1);
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1001, 1);
    ck_assert_uint_eq(series.len, 1);
    ck_assert_int_eq(series.rows[0].p50_ns, 2000000);
    ck_assert_int_eq(series.rows[0].p99_ns, 2000000);
}
END_TEST

START_TEST(the_last_partial_second_is_a_row_of_its_length)
{
    tick(1000, 1);
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1400, 1);
    ck_assert_uint_eq(series.len, 2);
    ck_assert_uint_eq(series.rows[1].t_s, 1);
    ck_assert_int_eq(series.rows[1].span_ns, 400 * LKI_NS_PER_MS);
    ck_assert_uint_eq(series.rows[1].requests, 1);
}
END_TEST

START_TEST(a_tail_of_some_milliseconds_belongs_to_the_row_before)
{
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1000, 5);
    request("a", 8000000, LKI_SAMPLE_OK);
    tick(1003, 4);
    ck_assert_uint_eq(series.len, 1);
    ck_assert_uint_eq(series.rows[0].requests, 2);
    ck_assert_uint_eq(series.rows[0].users, 4);
    ck_assert_int_eq(series.rows[0].span_ns, 1003 * LKI_NS_PER_MS);
    ck_assert_int_eq(series.rows[0].p50_ns, 2000000);
    ck_assert_int_eq(series.rows[0].p99_ns, 8000000);
    ck_assert_uint_eq(series.joined, 0);
}
END_TEST

START_TEST(ticks_that_come_early_or_late_do_not_shift_the_rows)
{
    static const int64_t ticks_ms[] = {1002, 1999, 3040, 4000, 7500, 8001};
    static const uint32_t seconds[] = {0, 1, 2, 3, 4, 7};

    for (size_t i = 0; i < LKI_COUNT(ticks_ms); i++)
        tick(ticks_ms[i], 1);
    ck_assert_uint_eq(series.len, LKI_COUNT(seconds));
    for (size_t i = 0; i < LKI_COUNT(seconds); i++)
        ck_assert_uint_eq(series.rows[i].t_s, seconds[i]);
    ck_assert_int_eq(series.rows[4].span_ns, 3500 * LKI_NS_PER_MS);
}
END_TEST

START_TEST(no_second_has_two_rows)
{
    for (int t = 300; t <= 9900; t += 300)
        tick(t, 1);
    for (size_t i = 1; i < series.len; i++)
        ck_assert_uint_gt(series.rows[i].t_s, series.rows[i - 1].t_s);
    ck_assert_uint_le(series.len, 10);
}
END_TEST

static void sums_verify(void)
{
    struct lki_totals sum = {0};
    int64_t span_ns = 0;

    for (size_t i = 0; i < series.len; i++) {
        const struct lki_series_row *row = &series.rows[i];

        sum.iterations += row->iterations;
        sum.steps += row->steps;
        sum.step_errors += row->step_errors;
        sum.http_requests += row->requests;
        sum.http_errors += row->errors;
        sum.bytes_sent += row->bytes_sent;
        sum.bytes_received += row->bytes_received;
        span_ns += row->span_ns;
    }
    ck_assert_mem_eq(&sum, metrics.totals, sizeof(sum));
    ck_assert_int_eq(span_ns, series.end_ns);
}

static void random_second(struct lki_rng *rng)
{
    for (uint64_t i = lki_rng_below(rng, 200); i > 0; i--) {
        request(i % 2 ? "a" : "b", 1000000 + (int64_t)i, (enum lki_verdict)lki_rng_below(rng, 3));
        step(1000000, (enum lki_verdict)lki_rng_below(rng, 3));
        metrics.totals->iterations++;
    }
}

START_TEST(the_sums_of_the_rows_are_the_totals)
{
    struct lki_rng rng = {99};
    int64_t t_ms = 0;

    for (int i = 0; i < 300; i++) {
        random_second(&rng);
        t_ms += 10 + (int64_t)lki_rng_below(&rng, 2000);
        tick(t_ms, 3);
    }
    ck_assert_uint_gt(series.len, 100);
    ck_assert_uint_eq(series.joined, 0);
    sums_verify();
}
END_TEST

START_TEST(beyond_the_maximum_the_last_row_takes_the_rest)
{
    struct lki_rng rng = {7};

    lki_series_release(&series);
    ck_assert_int_eq(lki_series_init(&series, 100), LK_OK);
    for (int i = 1; i <= 150; i++) {
        random_second(&rng);
        tick(i * 1000, 3);
    }
    ck_assert_uint_eq(series.len, 100);
    ck_assert_uint_le(series.cap, 100);
    ck_assert_uint_eq(series.joined, 50);
    ck_assert_uint_eq(lki_series_last(&series)->t_s, 99);
    ck_assert_int_eq(lki_series_last(&series)->span_ns, 51 * LKI_NS_PER_S);
    ck_assert_uint_eq(lki_series_last(&series)->users, 3);
    sums_verify();
}
END_TEST

START_TEST(a_series_that_began_without_memory_goes_on_with_it)
{
    lki_series_release(&series);
    series.max = 100;
    request("a", 2000000, LKI_SAMPLE_OK);
    tick(1000, 1);
    ck_assert_uint_eq(series.len, 1);
    sums_verify();
}
END_TEST

START_TEST(an_empty_series_has_no_last_row)
{
    ck_assert_ptr_null(lki_series_last(&series));
}
END_TEST

/* ---- merging ---- */

#define WORKERS 4

static struct lki_hist latencies(int64_t ns, int count)
{
    struct lki_hist hist = {0};

    while (count-- > 0)
        lki_hist_record(&hist, ns);
    return hist;
}

/* A change of some requests, or of steps, that each took so long. */
static void merge(uint32_t t_s, uint32_t users, enum lki_source source, int64_t ns, int count)
{
    struct lki_hist hist = latencies(ns, count);
    struct lki_series_row row = {.t_s = t_s,
                                 .users = users,
                                 .span_ns = LKI_NS_PER_S,
                                 .steps = (uint64_t)count,
                                 .requests = source == LKI_SOURCE_HTTP ? (uint64_t)count : 0};

    ck_assert_int_eq(lki_series_merge(&series, &row, source, &hist), LK_OK);
    lki_hist_release(&hist);
}

START_TEST(a_cut_gives_what_happened_since_the_last_one)
{
    const struct lki_series_row *row = &series.change.row;

    step(5000000, LKI_SAMPLE_OK);
    lki_series_cut(&series, &metrics, LKI_NS_PER_S, 20);
    lki_metrics_fold(&metrics);
    ck_assert_int_eq(series.change.source, LKI_SOURCE_STEP);
    ck_assert_uint_eq(series.change.latency.count, 1);
    request("a", 2000000, LKI_SAMPLE_OK);
    request("b", 4000000, LKI_SAMPLE_ERROR);
    step(5000000, LKI_SAMPLE_OK);
    metrics.totals->iterations += 7;
    lki_series_cut(&series, &metrics, 2 * LKI_NS_PER_S, 21);
    lki_metrics_fold(&metrics);
    ck_assert_uint_eq(row->t_s, 1);
    ck_assert_uint_eq(row->users, 21);
    ck_assert_int_eq(row->span_ns, LKI_NS_PER_S);
    ck_assert_uint_eq(row->iterations, 7);
    ck_assert_uint_eq(row->steps, 1);
    ck_assert_uint_eq(row->requests, 2);
    ck_assert_uint_eq(row->errors, 1);
    ck_assert_uint_eq(row->bytes_sent, 20);
    ck_assert_uint_eq(row->bytes_received, 200);
    ck_assert_int_eq(series.change.source, LKI_SOURCE_HTTP);
    ck_assert_uint_eq(series.change.latency.count, 2);
    ck_assert_int_eq(series.change.latency.max, 4000000);
    ck_assert_uint_eq(series.len, 0);
}
END_TEST

START_TEST(changes_of_one_second_become_one_row)
{
    struct lki_series_row a = {.t_s = 0,
                               .users = 5,
                               .span_ns = LKI_NS_PER_S,
                               .iterations = 1,
                               .steps = 2,
                               .step_errors = 3,
                               .requests = 4,
                               .errors = 5,
                               .bytes_sent = 6,
                               .bytes_received = 7};
    struct lki_series_row b = a;
    const struct lki_series_row *row;
    struct lki_hist fast = latencies(1000000, 98);
    struct lki_hist slow = latencies(LKI_NS_PER_S, 2);

    b.span_ns = 1300 * LKI_NS_PER_MS;
    ck_assert_int_eq(lki_series_merge(&series, &a, LKI_SOURCE_HTTP, &fast), LK_OK);
    ck_assert_int_eq(lki_series_merge(&series, &b, LKI_SOURCE_HTTP, &slow), LK_OK);
    ck_assert_int_eq(lki_series_merge(&series, &a, LKI_SOURCE_HTTP, NULL), LK_OK);
    ck_assert_uint_eq(series.len, 1);
    row = lki_series_at(&series, 0);
    ck_assert_ptr_nonnull(row);
    ck_assert_uint_eq(row->users, 15);
    ck_assert_int_eq(row->span_ns, 1300 * LKI_NS_PER_MS);
    ck_assert_uint_eq(row->iterations, 3);
    ck_assert_uint_eq(row->steps, 6);
    ck_assert_uint_eq(row->step_errors, 9);
    ck_assert_uint_eq(row->requests, 12);
    ck_assert_uint_eq(row->errors, 15);
    ck_assert_uint_eq(row->bytes_sent, 18);
    ck_assert_uint_eq(row->bytes_received, 21);
    /* of all of them: no average of two percentiles is this */
    ck_assert_int_eq(row->p95_ns / 10000, 100);
    ck_assert_int_eq(row->p99_ns, LKI_NS_PER_S);
    ck_assert_ptr_null(lki_series_at(&series, 1));
    lki_hist_release(&fast);
    lki_hist_release(&slow);
}
END_TEST

START_TEST(seconds_that_nobody_reported_are_empty_rows)
{
    merge(3, 5, LKI_SOURCE_HTTP, 2000000, 1);
    merge(300, 6, LKI_SOURCE_HTTP, 2000000, 1);
    ck_assert_uint_eq(series.len, 301);
    for (uint32_t t = 0; t < series.len; t++) {
        ck_assert_uint_eq(series.rows[t].t_s, t);
        ck_assert_ptr_eq(lki_series_at(&series, t), &series.rows[t]);
        ck_assert_uint_eq(series.rows[t].users, t == 3 ? 5 : t == 300 ? 6 : 0);
        ck_assert_int_eq(series.rows[t].p50_ns, t == 3 || t == 300 ? 2000000 : 0);
    }
    ck_assert_uint_eq(series.joined, 0);
    ck_assert_uint_eq(series.partial, 0);
}
END_TEST

/* Requests in one worker, only steps in another, in either order. */
START_TEST(where_there_are_requests_steps_do_not_count)
{
    if (_i)
        merge(5, 1, LKI_SOURCE_HTTP, 2000000, 1);
    for (uint32_t t = 4; t <= 7; t++)
        merge(t, 1, LKI_SOURCE_STEP, 9000000, 1);
    if (!_i)
        merge(5, 1, LKI_SOURCE_HTTP, 2000000, 1);
    merge(8, 1, LKI_SOURCE_STEP, 9000000, 1);
    ck_assert_int_eq(series.rows[4].p99_ns, 9000000);
    ck_assert_int_eq(series.rows[5].p50_ns, 2000000);
    ck_assert_int_eq(series.rows[5].p99_ns, 2000000);
    for (uint32_t t = 6; t <= 8; t++)
        ck_assert_int_eq(series.rows[t].p50_ns + series.rows[t].p99_ns, 0);
    ck_assert_uint_eq(series.rows[5].steps, 2);
    ck_assert_uint_eq(series.partial, 0);
}
END_TEST

/* Of a run that made no requests, or made them from a second on that is known by its row. */
START_TEST(what_goes_on_after_rows_that_were_restored_is_of_the_same_source)
{
    const struct lki_series_row rows[] = {
        {.t_s = 0, .span_ns = LKI_NS_PER_S, .steps = 1, .p50_ns = 7, .p95_ns = 8, .p99_ns = 9},
        {.t_s = 1, .span_ns = LKI_NS_PER_S, .steps = 1, .requests = _i, .p99_ns = 9},
    };

    for (size_t i = 0; i < LKI_COUNT(rows); i++)
        ck_assert_int_eq(lki_series_restore(&series, &rows[i]), LK_OK);
    merge(2, 1, LKI_SOURCE_STEP, 9000000, 1);
    ck_assert_int_eq(series.rows[0].p50_ns, 7);
    ck_assert_int_eq(series.rows[1].p99_ns, 9);
    ck_assert_int_eq(series.rows[2].p99_ns, _i ? 0 : 9000000);
}
END_TEST

/* A worker that made requests before the others did reports late. */
START_TEST(that_requests_began_earlier_changes_nothing_for_later_seconds)
{
    merge(4, 1, LKI_SOURCE_STEP, 9000000, 1);
    merge(5, 1, LKI_SOURCE_HTTP, 2000000, 1);
    merge(6, 1, LKI_SOURCE_HTTP, 3000000, 1);
    merge(4, 1, LKI_SOURCE_HTTP, 4000000, 1);
    for (uint32_t t = 4; t <= 6; t++) {
        static const int64_t latency_ns[] = {4000000, 2000000, 3000000};

        ck_assert_int_eq(series.rows[t].p50_ns, latency_ns[t - 4]);
        ck_assert_int_eq(series.rows[t].p99_ns, latency_ns[t - 4]);
    }
}
END_TEST

START_TEST(each_row_has_latencies_of_its_own)
{
    enum lki_source source = _i ? LKI_SOURCE_HTTP : LKI_SOURCE_STEP;

    for (uint32_t t = 0; t < 3 * LKI_SERIES_RECENT; t++) {
        merge(t, 1, source, (t + 1) * LKI_NS_PER_MS, 1);
        ck_assert_int_eq(series.rows[t].p50_ns, (t + 1) * LKI_NS_PER_MS);
        ck_assert_int_eq(series.rows[t].p99_ns, (t + 1) * LKI_NS_PER_MS);
    }
}
END_TEST

START_TEST(a_late_change_is_counted_and_noted)
{
    for (uint32_t t = 0; t <= LKI_SERIES_RECENT; t++)
        merge(t, 1, LKI_SOURCE_HTTP, 2000000, 10);
    merge(1, 1, LKI_SOURCE_HTTP, 8000000, 90);
    ck_assert_int_eq(series.rows[1].p50_ns, 8000000);
    ck_assert_uint_eq(series.partial, 0);
    merge(0, 1, LKI_SOURCE_HTTP, 8000000, 90);
    ck_assert_uint_eq(series.rows[0].requests, 100);
    ck_assert_uint_eq(series.rows[0].users, 2);
    ck_assert_int_eq(series.rows[0].p50_ns, 2000000);
    ck_assert_uint_eq(series.partial, 1);
    /* one that has nothing to say about latencies lacks none */
    merge(0, 1, LKI_SOURCE_HTTP, 0, 0);
    merge(0, 1, LKI_SOURCE_STEP, 1000000, 1);
    ck_assert_uint_eq(series.partial, 1);
    ck_assert_uint_eq(series.len, LKI_SERIES_RECENT + 1);
}
END_TEST

START_TEST(a_second_whose_values_were_lost_is_noted_once)
{
    struct lki_series_row row = {.t_s = 2};
    struct lki_hist hist = latencies(2000000, 10);

    hist.lost = 1;
    ck_assert_int_eq(lki_series_merge(&series, &row, LKI_SOURCE_HTTP, &hist), LK_OK);
    ck_assert_int_eq(lki_series_merge(&series, &row, LKI_SOURCE_HTTP, &hist), LK_OK);
    ck_assert_uint_eq(series.partial, 1);
    lki_hist_release(&hist);
}
END_TEST

/* Some milliseconds after the last second users have gone: the row has those that are left. */
START_TEST(a_tail_that_is_merged_corrects_its_row)
{
    static const struct tail {
        int64_t t_ms;
        uint64_t users;
    } tails[] = {{1000, 50}, {2000, 60}, {2003, 10}, {2010, 12}};

    for (size_t i = 0; i < LKI_COUNT(tails); i++) {
        request("a", 2000000, LKI_SAMPLE_OK);
        lki_series_cut(&series, &metrics, tails[i].t_ms * LKI_NS_PER_MS, tails[i].users);
        lki_metrics_fold(&metrics);
        for (int w = 0; w < WORKERS; w++)
            ck_assert_int_eq(lki_series_merge(&series, &series.change.row, series.change.source,
                                              &series.change.latency),
                             LK_OK);
    }
    ck_assert_uint_eq(series.len, 2);
    ck_assert_uint_eq(series.rows[0].users, 50 * WORKERS);
    ck_assert_uint_eq(series.rows[1].users, 12 * WORKERS);
    ck_assert_int_eq(series.rows[1].span_ns, 1010 * LKI_NS_PER_MS);
    ck_assert_uint_eq(series.rows[1].requests, 3 * WORKERS);
}
END_TEST

START_TEST(merged_seconds_beyond_the_maximum_are_joined_to_the_last_row)
{
    lki_series_release(&series);
    ck_assert_int_eq(lki_series_init(&series, 10), LK_OK);
    for (uint32_t t = 0; t < 15; t++) {
        merge(t, 1, LKI_SOURCE_HTTP, 2000000, 1);
        merge(t, 1, LKI_SOURCE_HTTP, 2000000, 1);
    }
    /* one that is late is not of those who are there now */
    merge(12, 5, LKI_SOURCE_HTTP, 2000000, 0);
    ck_assert_uint_eq(series.rows[9].users, 2);
    merge(UINT32_MAX, 1, LKI_SOURCE_HTTP, 2000000, 1);
    ck_assert_uint_eq(series.rows[9].users, 1);
    ck_assert_uint_eq(series.len, 10);
    ck_assert_uint_eq(series.joined, UINT32_MAX - 9);
    ck_assert_uint_eq(series.rows[9].requests, 13);
    ck_assert_int_eq(series.rows[9].span_ns, 7 * LKI_NS_PER_S);
}
END_TEST

/* What several workers do, and what one would have recorded of it. */
struct crew {
    struct lki_metrics metrics[WORKERS];
    struct lki_series series[WORKERS];
};

static struct crew crew;

static void crew_open(void)
{
    for (int w = 0; w < WORKERS; w++) {
        lki_metrics_init(&crew.metrics[w], 0, 0);
        ck_assert_int_eq(lki_series_init(&crew.series[w], 0), LK_OK);
    }
}

static void crew_close(void)
{
    for (int w = 0; w < WORKERS; w++) {
        lki_series_release(&crew.series[w]);
        lki_metrics_release(&crew.metrics[w]);
    }
}

static void twice(struct lki_metrics *worker, enum lki_source source, int64_t latency_ns,
                  enum lki_verdict verdict)
{
    lki_metric_record_simple(lki_metrics_find(worker, source, "", "s", 1), 200, verdict,
                             latency_ns);
    lki_metric_record_simple(lki_metrics_find(&metrics, source, "", "s", 1), 200, verdict,
                             latency_ns);
}

/* A second of a worker, requests from the third on. */
static void crew_second(struct lki_rng *rng, int w, int64_t t_s)
{
    for (uint64_t left = lki_rng_below(rng, 60); left; left--) {
        enum lki_source source = t_s > 2 && lki_rng_below(rng, 2) ? LKI_SOURCE_HTTP
                                                                  : LKI_SOURCE_STEP;

        twice(&crew.metrics[w], source, 1000 + (int64_t)lki_rng_below(rng, 50000000),
              (enum lki_verdict)lki_rng_below(rng, 3));
    }
    lki_series_cut(&crew.series[w], &crew.metrics[w], (t_s + 1) * LKI_NS_PER_S, (uint64_t)w + 1);
    lki_metrics_fold(&crew.metrics[w]);
}

static struct lki_series merged;

/* The last change of a worker arrives. */
static void crew_report(int w)
{
    const struct lki_series_change *change = &crew.series[w].change;

    ck_assert_int_eq(lki_series_merge(&merged, &change->row, change->source, &change->latency),
                     LK_OK);
}

START_TEST(merged_workers_give_the_rows_that_one_would_have_made)
{
    struct lki_rng rng = {5};

    crew_open();
    ck_assert_int_eq(lki_series_init(&merged, 0), LK_OK);
    for (int64_t t = 0; t < 100; t++) {
        int first = (int)lki_rng_below(&rng, WORKERS);

        for (int w = 0; w < WORKERS; w++)
            crew_second(&rng, w, t);
        for (int w = 0; w < WORKERS; w++)
            crew_report((w + first) % WORKERS);
        tick((t + 1) * 1000, 1 + 2 + 3 + 4);
    }
    ck_assert_uint_eq(merged.len, series.len);
    for (size_t i = 0; i < series.len; i++)
        ck_assert_mem_eq(&merged.rows[i], &series.rows[i], sizeof(series.rows[i]));
    ck_assert_uint_eq(merged.partial + merged.joined, 0);
    lki_series_release(&merged);
    crew_close();
}
END_TEST

/* Whatever the order, also far behind the newest rows. */
START_TEST(sums_do_not_depend_on_the_order_of_changes)
{
    struct lki_rng rng = {11};
    uint64_t requests = 0;
    uint64_t users = 0;
    uint64_t seen[2] = {0, 0};

    for (int i = 0; i < 2000; i++) {
        uint32_t t_s = (uint32_t)lki_rng_below(&rng, 200);
        int count = (int)lki_rng_below(&rng, 5);

        merge(t_s, t_s, LKI_SOURCE_HTTP, 2000000, count);
        requests += (uint64_t)count;
        users += t_s;
    }
    for (size_t i = 0; i < series.len; i++) {
        ck_assert_uint_eq(series.rows[i].t_s, i);
        seen[0] += series.rows[i].requests;
        seen[1] += series.rows[i].users;
    }
    ck_assert_uint_eq(seen[0], requests);
    ck_assert_uint_eq(seen[1], users);
    ck_assert_uint_eq(series.joined, 0);
}
END_TEST

static Suite *series_suite(void)
{
    Suite *suite = suite_create("series");
    TCase *rows = tcase_create("rows");
    TCase *merging = tcase_create("merging");

    tcase_add_checked_fixture(rows, setup, teardown);
    tcase_add_test(rows, a_second_becomes_a_row);
    tcase_add_test(rows, percentiles_are_of_all_requests_of_that_second);
    tcase_add_test(rows, without_requests_percentiles_are_of_steps);
    tcase_add_test(rows, a_first_request_in_a_tail_does_not_mix_with_steps);
    tcase_add_test(rows, the_last_partial_second_is_a_row_of_its_length);
    tcase_add_test(rows, a_tail_of_some_milliseconds_belongs_to_the_row_before);
    tcase_add_test(rows, ticks_that_come_early_or_late_do_not_shift_the_rows);
    tcase_add_test(rows, no_second_has_two_rows);
    tcase_add_test(rows, the_sums_of_the_rows_are_the_totals);
    tcase_add_test(rows, beyond_the_maximum_the_last_row_takes_the_rest);
    tcase_add_test(rows, a_series_that_began_without_memory_goes_on_with_it);
    tcase_add_test(rows, an_empty_series_has_no_last_row);
    suite_add_tcase(suite, rows);
    tcase_add_checked_fixture(merging, setup, teardown);
    tcase_add_test(merging, a_cut_gives_what_happened_since_the_last_one);
    tcase_add_test(merging, changes_of_one_second_become_one_row);
    tcase_add_test(merging, seconds_that_nobody_reported_are_empty_rows);
    tcase_add_loop_test(merging, where_there_are_requests_steps_do_not_count, 0, 2);
    tcase_add_loop_test(merging, what_goes_on_after_rows_that_were_restored_is_of_the_same_source,
                        0, 2);
    tcase_add_test(merging, that_requests_began_earlier_changes_nothing_for_later_seconds);
    tcase_add_loop_test(merging, each_row_has_latencies_of_its_own, 0, 2);
    tcase_add_test(merging, a_late_change_is_counted_and_noted);
    tcase_add_test(merging, a_second_whose_values_were_lost_is_noted_once);
    tcase_add_test(merging, a_tail_that_is_merged_corrects_its_row);
    tcase_add_test(merging, merged_seconds_beyond_the_maximum_are_joined_to_the_last_row);
    tcase_add_test(merging, merged_workers_give_the_rows_that_one_would_have_made);
    tcase_add_test(merging, sums_do_not_depend_on_the_order_of_changes);
    suite_add_tcase(suite, merging);
    return suite;
}

int main(void)
{
    return suite_run(series_suite());
}
